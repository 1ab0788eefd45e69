//! The text of a new recommender.

use std::fmt::Write;
use std::path::Path;

use recommend_core::Name;
use recommend_features::Declarations;

use super::look::Look;

/// The beginning of a new file.
pub(super) fn head(folder: &Path) -> String {
    format!(
        "# What is served. All keys of [server] are optional.\n\
         [server]\n\
         grpc = \"127.0.0.1:50051\"\n\
         http = \"127.0.0.1:8080\"     # metrics, health, JSON\n\
         data = {:?}\n",
        folder.display().to_string()
    )
}

/// A recommender with the features that it declares; those that the file declares already are used as they are.
pub(super) fn recommender(corpus: &Name, source: &Name, look: &Look, declared: &Declarations) -> String {
    let mut text = format!(
        "\n\
         # {corpus}/{source}\n\
         # Hand-tuned until there are answers to learn from. Every feature below is logged with every answer.\n"
    );
    let features = features(corpus, look);
    for feature in features.iter().filter(|feature| declared.get(&feature.name).is_none()) {
        let _ = write!(text, "\n[features.{}]\n{}", feature.name, feature.declaration);
    }
    let _ = write!(text, "\n[[recommender]]\ncorpus = \"{corpus}\"\nsource = \"{source}\"\n");
    block(&mut text, "fetchers", "Who proposes candidates; they run side by side.", &fetchers(look));
    block(&mut text, "filters", "What may not or need not be shown.", &filters(corpus, look));
    let logged: Vec<String> = features.iter().map(|feature| format!("{:?}", feature.name)).collect();
    block(&mut text, "features", "Logged, whether the model reads them yet or not.", &logged);
    text.push_str("# Rules over the whole answer, for example a few places by chance, so that there is something to learn:\n");
    text.push_str("# rerankers = [ { kind = \"explore\", epsilon = 0.05, keep = 1 } ]\n");
    text.push_str("\n# A weighted sum. `recommend query --explain` shows what each weight adds.\n");
    text.push_str("[recommender.model]\nkind = \"linear\"\n\n[recommender.model.weights]\n");
    for (name, weight) in weights(look, &features) {
        let _ = writeln!(text, "{name} = {weight}");
    }
    let _ = write!(
        text,
        "\n# Prove the next model before everybody sees it; `recommend experiment report` says what came of it.\n\
         # [[experiment]]\n\
         # name = \"{corpus}-{source}-next\"\n\
         # corpus = \"{corpus}\"\n\
         # source = \"{source}\"\n\
         # ramp = 0.2\n\
         # variants = [ {{ name = \"control\" }}, {{ name = \"next\", model = {{ kind = \"artifact\", artifact = \"NAME\" }} }} ]\n"
    );
    text
}

fn block(text: &mut String, key: &str, comment: &str, items: &[String]) {
    let _ = writeln!(text, "# {comment}\n{key} = [");
    for item in items {
        let _ = writeln!(text, "    {item},");
    }
    text.push_str("]\n");
}

struct Feature {
    name: String,
    declaration: String,
    weight: Option<&'static str>,
}

fn features(corpus: &Name, look: &Look) -> Vec<Feature> {
    // A prefix, because features are shared by all recommenders of the file.
    let plain = |name: &str| name.replace('.', "_");
    let prefix = plain(corpus.as_str());
    let mut features = Vec::new();
    let mut add =
        |name: String, declaration: String, weight| features.push(Feature { name, declaration, weight });
    for kind in &look.kinds {
        let base = format!("{prefix}_{}", plain(kind.as_str()));
        add(
            format!("{base}_30d"),
            format!(
                "kind = \"count\"\nscope = \"entity\"\ninteractions = [\"{kind}\"]\nwindow = \"30d\"\n\
                 description = \"{kind} in the last month\"\n"
            ),
            Some("{ weight = 0.2, transform = \"log1p\" }"),
        );
        add(
            format!("{base}_mine"),
            format!(
                "kind = \"count\"\nscope = \"pair\"\ninteractions = [\"{kind}\"]\nwindow = \"90d\"\n\
                 description = \"own {kind} in the last three months\"\n"
            ),
            None,
        );
    }
    let listed = interactions(look);
    add(
        format!("{prefix}_people_30d"),
        format!(
            "kind = \"distinct\"\nscope = \"entity\"\n{listed}window = \"30d\"\n\
             description = \"different people in the last month\"\n"
        ),
        Some("{ weight = 0.5, transform = \"log1p\" }"),
    );
    add(
        format!("{prefix}_quiet_days"),
        format!(
            "kind = \"recency\"\nscope = \"entity\"\n{listed}description = \"days since the last one\"\n"
        ),
        Some("{ weight = -0.02, transform = \"clip\", min = 0.0, max = 60.0 }"),
    );
    if look.attribute("created") {
        add(
            format!("{prefix}_age_days"),
            "kind = \"attribute\"\nattribute = \"created\"\nas = \"age\"\n\
             description = \"days since it was made\"\n"
                .to_owned(),
            None,
        );
    }
    features
}

/// The kinds that speak for an entity, as a line; none when nothing is known, which means all.
fn interactions(look: &Look) -> String {
    if look.kinds.is_empty() { String::new() } else { format!("interactions = {:?}\n", words(&look.kinds)) }
}

fn words(names: &[Name]) -> Vec<&str> {
    names.iter().map(Name::as_str).collect()
}

fn fetchers(look: &Look) -> Vec<String> {
    let kinds = match look.kinds.is_empty() {
        true => String::new(),
        false => format!("interactions = {:?}, ", words(&look.kinds)),
    };
    let mut list = vec![
        format!("{{ kind = \"popular\", {kinds}window = \"90d\", half_life = \"14d\", limit = 300 }}"),
        format!("{{ kind = \"related\", {kinds}limit = 200 }}"),
    ];
    if look.attribute("created") {
        list.push("{ kind = \"recent\", limit = 50 }".to_owned());
    }
    if look.interactions == 0 {
        // Without any history there is nothing popular yet.
        list.push("{ kind = \"all\", limit = 1000 }".to_owned());
    }
    list
}

fn filters(corpus: &Name, look: &Look) -> Vec<String> {
    let mut list = Vec::new();
    if look.attribute("private") {
        list.push("\"not-private\"".to_owned());
    } else if look.entities > 0 {
        list.push("\"known\"".to_owned());
    }
    if look.attribute("archived") || look.attribute("deactivated") {
        list.push("\"not-archived\"".to_owned());
    }
    if matches!(corpus.as_str(), "user" | "contact") {
        list.push("\"not-self\"".to_owned());
    }
    if look.relation("member") {
        list.push("{ kind = \"not-related\", relation = \"member\" }".to_owned());
    }
    list.push("\"not-dismissed\"".to_owned());
    list
}

fn weights(look: &Look, features: &[Feature]) -> Vec<(String, &'static str)> {
    let mut list = vec![
        ("\"popular.score\"".to_owned(), "{ weight = 0.5, transform = \"log1p\" }"),
        ("\"related.score\"".to_owned(), "2.0"),
    ];
    if look.attribute("created") {
        list.push(("\"recent.score\"".to_owned(), "0.5"));
    }
    list.extend(features.iter().filter_map(|feature| Some((feature.name.clone(), feature.weight?))));
    list
}

#[cfg(test)]
mod tests {
    use recommend_core::IdCodec;
    use recommend_server::{Config, default_registry};
    use recommend_stores::Stores;

    use super::*;

    fn names(texts: &[&'static str]) -> Vec<Name> {
        texts.iter().copied().map(Name::literal).collect()
    }

    fn builds(text: &str) {
        let stores = Stores::in_memory(IdCodec::new([0; 16]));
        let config = Config::parse("new.toml", text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let built =
            config.build(&stores, &default_registry()).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(built.len(), config.recommenders.len());
    }

    #[test]
    fn a_recommender_is_made_of_what_the_data_holds_and_builds() {
        let look = Look {
            entities: 10,
            attributes: names(&["archived", "created", "private"]),
            relations: names(&["member"]),
            kinds: names(&["message", "reaction"]),
            interactions: 100,
            ..Look::default()
        };
        let text = recommender(
            &Name::literal("channel"),
            &Name::literal("channel-browser"),
            &look,
            &Declarations::default(),
        );
        insta::assert_snapshot!(text);
        builds(&text);
    }

    #[test]
    fn without_data_it_builds_too_and_two_share_a_file() {
        let look = Look::default();
        let mut text = head(Path::new("data"));
        text.push_str(&recommender(
            &Name::literal("user"),
            &Name::literal("people"),
            &look,
            &Declarations::default(),
        ));
        builds(&text);
        let kinds = names(&["v1.open"]);
        let look = Look { entities: 1, kinds, interactions: 1, ..Look::default() };
        text.push_str(&recommender(
            &Name::literal("article"),
            &Name::literal("front"),
            &look,
            &Declarations::default(),
        ));
        builds(&text);
    }
}
