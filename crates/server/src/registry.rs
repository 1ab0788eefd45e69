//! The components that this workspace brings.

use recommend_core::Registry;

/// A registry with every fetcher, filter, model and reranker of this workspace. Another crate adds its own to it:
///
/// ```
/// # use recommend_core::Stage;
/// let mut registry = recommend_server::default_registry();
/// // my_crate::register(&mut registry);
/// assert!(registry.kinds(Stage::Score).contains(&"linear"));
/// ```
pub fn default_registry() -> Registry {
    let mut registry = Registry::new();
    recommend_fetchers::register(&mut registry);
    recommend_filters::register(&mut registry);
    recommend_features::register(&mut registry);
    recommend_models::register(&mut registry);
    recommend_artifacts::register(&mut registry);
    recommend_rerankers::register(&mut registry);
    registry
}
