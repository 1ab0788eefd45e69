//! Published models: what an artifact is made of, where artifacts lie, and whether one is what it says.
//!
//! Training writes artifacts, a server loads them; both use this crate, and neither needs the other. An artifact is a
//! folder that never changes once it is there:
//!
//! | in `NAME/VERSION/` | what |
//! |---|---|
//! | `manifest.json` | [`Manifest`]: what it was trained from and how good it is, with the SHA-256 of every other file |
//! | `model.ubj`, `model.json` | the model ([`ModelKind`]): what XGBoost saved, or a regression's weights |
//! | `schema.json` | [`Schema`]: the features that the model reads, in order |
//! | `baseline.json` | [`Baseline`]: how each feature was distributed in the training data |
//! | `golden.json` | [`Golden`]: rows with the scores that the trainer gave them |
//!
//! `NAME/current.json` points to the version that serves, with the SHA-256 of its manifest, and remembers those before
//! it. Promoting replaces that one small object, which is atomic in a folder and in every object store.
//!
//! Loading ([`ArtifactStore::load`]) trusts nothing: the manifest's checksum is the pointer's, each file's is the
//! manifest's, the model reads the features of the schema, and the golden rows score as recorded.
//!
//! ```
//! use recommend_artifacts::{ArtifactStore, Draft, Golden, ModelKind};
//! use recommend_core::Name;
//!
//! let folder = tempfile::tempdir()?;
//! let store = ArtifactStore::open(&folder.path().to_string_lossy());
//! let model = br#"{"bias": -1.0, "weights": [{"feature": "messages", "weight": 0.5, "transform": "identity"}]}"#;
//! let (features, golden) = (vec![Name::new("messages")?], Golden::new(vec![vec![2.0]], vec![0.5]));
//! let name = Name::new("channels")?;
//! let draft = Draft::new(name.clone(), ModelKind::LogisticRegression, model.to_vec(), features, golden);
//! let version = store.publish(&draft)?;
//! store.promote(&name, &version)?;
//! assert_eq!(store.load(&name, None)?.id(), format!("channels@{version}"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod artifact;
mod baseline;
mod blobs;
mod checksum;
mod component;
mod error;
mod golden;
mod manifest;
mod model;
mod pointer;
mod schema;
mod store;

pub use artifact::{Artifact, Draft};
pub use baseline::{Baseline, FeatureBaseline};
pub use component::{LoadedArtifacts, Taken, register};
pub use error::ArtifactError;
pub use golden::Golden;
pub use manifest::{DataRange, Figure, Importance, Manifest, Part};
pub use model::ModelKind;
pub use pointer::{Pointer, Promotion};
pub use schema::Schema;
pub use store::{ArtifactStore, Listed};
