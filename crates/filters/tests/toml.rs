//! Every filter is built from TOML by its kind, and refuses what it does not know.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use recommend_core::report::Stage;
use recommend_core::{BuildContext, Component, Filter, IdCodec, Name, Registry, Resources};
use recommend_stores::Stores;

/// Every kind with all of its settings, as the documentation lists them.
const ALL: &[&str] = &[
    "kind = 'not-private'\nattribute = 'secret'\nrelation = 'invited'",
    "kind = 'known'",
    "kind = 'not-archived'\nattributes = ['archived', 'frozen']",
    "kind = 'owner'\nattribute = 'creator'\nmode = 'without'",
    "kind = 'related'\nrelation = 'member'",
    "kind = 'not-related'\nrelation = 'member'",
    "kind = 'not-dismissed'\nrelation = 'dismissed'\ncool_down = '90d'",
    "kind = 'not-interacted'\ninteractions = ['read']\nwindow = '90d'",
    "kind = 'not-seed'",
    "kind = 'not-self'",
    "kind = 'min-activity'\nat_least = 5\nof = 'users'\ninteractions = ['message']\nwindow = '30d'",
    "kind = 'max-activity'\nat_most = 0.5\nof = 'values'\ninteractions = ['message']\nwindow = '60d'",
    "kind = 'predicate'\nwhere = 'members >= 5'\nunknown = 'keep'",
    "kind = 'predicate'\nwhere = 'not external'\nguard = true",
];

fn build(text: &str) -> Result<Component<dyn Filter>, String> {
    let mut registry = Registry::new();
    recommend_filters::register(&mut registry);
    let codec = IdCodec::new([0; 16]);
    let resources = Resources::new().with(Stores::in_memory(codec));
    let (corpus, source) = (&Name::literal("channel"), &Name::literal("test"));
    let context =
        BuildContext { registry: &registry, resources: &resources, codec, corpus, source, fetchers: &[] };
    registry.build_filter(toml::from_str(text).unwrap(), &context).map_err(|error| error.to_string())
}

#[test]
fn every_kind_is_built_from_toml() {
    let mut registry = Registry::new();
    recommend_filters::register(&mut registry);
    let mut kinds: Vec<&str> = Vec::new();
    for text in ALL {
        let filter = build(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
        kinds.push(filter.part().kind());
        let wrong = format!("{text}\nwindo = '3d'");
        assert!(build(&wrong).unwrap_err().contains("unknown field `windo`"), "{wrong}");
    }
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, registry.kinds(Stage::Filter));
}

#[test]
fn settings_that_cannot_be_are_refused_with_the_reason() {
    for (text, reason) in [
        ("kind = 'related'", "missing field `relation`"),
        ("kind = 'min-activity'\nat_least = inf", "finite"),
        ("kind = 'owner'\nmode = 'nobody'", "`without`"),
        ("kind = 'predicate'\nwhere = 'members => 5'", "column 9"),
        ("kind = 'predicate'\nwhere = 'private'\nguard = true\nunknown = 'keep'", "exclude each other"),
        ("kind = 'not-dismissed'\ncool_down = 30", "expected a string"),
        ("kind = 'not-privat'", "did you mean \"not-private\"?"),
    ] {
        let error = build(text).unwrap_err();
        assert!(error.contains(reason), "{text}\n{error}");
    }
}
