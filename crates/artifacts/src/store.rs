//! The store of artifacts: publish, list, promote, roll back, load.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use recommend_core::{Clock, Name, SystemClock};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::artifact::{Artifact, Draft};
use crate::blobs::{self, Blobs};
use crate::checksum;
use crate::error::ArtifactError;
use crate::golden::Golden;
use crate::manifest::{FORMAT, Manifest};
use crate::pointer::{Pointer, Promotion};
use crate::schema::Schema;

const MANIFEST: &str = "manifest.json";
const POINTER: &str = "current.json";
const SCHEMA: &str = "schema.json";
const BASELINE: &str = "baseline.json";
const GOLDEN: &str = "golden.json";

/// Artifacts in a folder or an object store. Cloning is reference counting.
///
/// Calls block: they are made when models change, never to answer a request.
#[derive(Debug, Clone)]
pub struct ArtifactStore {
    location: Arc<str>,
    blobs: Arc<OnceLock<Box<dyn Blobs>>>,
    clock: Arc<dyn Clock>,
}

/// One version in a listing.
#[derive(Debug, Clone)]
pub struct Listed {
    /// What it says about itself.
    pub manifest: Manifest,
    /// Whether it is the one that serves.
    pub current: bool,
}

impl ArtifactStore {
    /// The store at a path, or at a URL such as `s3://bucket/folder`. It is opened when it is first used, and a folder
    /// is made when something is first written.
    pub fn open(location: &str) -> Self {
        let clock = Arc::new(SystemClock);
        ArtifactStore { location: location.into(), blobs: Arc::default(), clock }
    }

    /// Takes the time of publishing and promoting from another clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The path or URL.
    pub fn location(&self) -> &str {
        &self.location
    }

    fn blobs(&self) -> Result<&dyn Blobs, ArtifactError> {
        if let Some(blobs) = self.blobs.get() {
            return Ok(&**blobs);
        }
        let opened = blobs::open(&self.location)?;
        Ok(&**self.blobs.get_or_init(|| opened))
    }

    fn place(&self, key: &str) -> String {
        format!("{}/{key}", self.location.trim_end_matches('/'))
    }

    fn now(&self) -> String {
        let now = jiff::Timestamp::from_millisecond(self.clock.now().millis()).unwrap_or_default();
        // All of one length, so that they sort as times do.
        format!("{now:.3}")
    }

    /// Writes a version, and returns what it is called: the day of its newest data (or of today) and a hash of its
    /// content. Publishing the same content again changes nothing, so that a scheduler may repeat itself.
    ///
    /// # Errors
    /// [`ArtifactError`]; also when the draft would not load. A version is not there until all of it is.
    pub fn publish(&self, draft: &Draft) -> Result<String, ArtifactError> {
        let blobs = self.blobs()?;
        let files = [
            (draft.kind.file(), draft.model.clone()),
            (SCHEMA, json(&Schema::new(&draft.features))),
            (BASELINE, json(&draft.baseline)),
            (GOLDEN, json(&draft.golden)),
        ];
        let checksums: BTreeMap<String, String> =
            files.iter().map(|(name, bytes)| ((*name).to_owned(), checksum::of(bytes))).collect();
        let created = self.now();
        let newest = draft.data.as_ref().and_then(|data| data.to.clone()).unwrap_or_else(|| created.clone());
        let content = (&checksums, &draft.spec, &draft.data, &draft.chosen);
        let version =
            format!("{}-{}", newest.get(..10).unwrap_or(&newest), &checksum::of(&json(&content))[..8]);
        check_version(&version)?;
        let manifest = Manifest {
            format: FORMAT,
            name: draft.name.clone(),
            version: version.clone(),
            created,
            kind: draft.kind,
            recommender: draft.recommender.clone(),
            spec: draft.spec.clone(),
            chosen: draft.chosen.clone(),
            data: draft.data.clone(),
            git_revision: draft.git_revision.clone(),
            metrics: draft.metrics.clone(),
            importances: draft.importances.clone(),
            schema_hash: Schema::new(&draft.features).hash,
            checksums,
        };
        let read = |file: &str| files.iter().find(|(name, _)| *name == file).map(|(_, bytes)| bytes.clone());
        self.assemble(manifest.clone(), |file| Ok(read(file)))?;
        let key = |file: &str| format!("{}/{version}/{file}", draft.name);
        match self.manifest(&draft.name, &version) {
            Ok(there) if there.checksums == manifest.checksums => return Ok(version),
            Ok(_) => return Err(ArtifactError::Exists { name: draft.name.clone(), version }),
            Err(ArtifactError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        for (file, bytes) in &files {
            blobs.put(&key(file), bytes)?;
        }
        // Last, because a version is there when its manifest is.
        blobs.put(&key(MANIFEST), &json(&manifest))?;
        Ok(version)
    }

    /// The names of all artifacts, sorted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn names(&self) -> Result<Vec<Name>, ArtifactError> {
        Ok(self.blobs()?.list("")?.iter().filter_map(|name| Name::new(name).ok()).collect())
    }

    /// All versions of an artifact, the newest first.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn versions(&self, name: &Name) -> Result<Vec<Listed>, ArtifactError> {
        let blobs = self.blobs()?;
        let current = self.pointer(name)?.map(|pointer| pointer.current.version);
        let mut listed = Vec::new();
        for version in blobs.list(name.as_str())? {
            let key = format!("{name}/{version}/{MANIFEST}");
            // What has no manifest was not finished, or is the pointer.
            if let Some(bytes) = blobs.get(&key)? {
                let manifest: Manifest = self.parse(&key, &bytes)?;
                listed.push(Listed { current: current.as_ref() == Some(&version), manifest });
            }
        }
        if listed.is_empty() {
            return Err(self.not_found(name, None));
        }
        listed.sort_by(|a, b| b.manifest.created.cmp(&a.manifest.created));
        Ok(listed)
    }

    /// Which version serves, and which did; `None` before the first promotion.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn pointer(&self, name: &Name) -> Result<Option<Pointer>, ArtifactError> {
        let key = format!("{name}/{POINTER}");
        self.blobs()?.get(&key)?.map(|bytes| self.parse(&key, &bytes)).transpose()
    }

    /// The manifest of a version, unverified.
    ///
    /// # Errors
    /// When there is no such version, or the store cannot be read.
    pub fn manifest(&self, name: &Name, version: &str) -> Result<Manifest, ArtifactError> {
        let (manifest, _) = self.manifest_bytes(name, version)?;
        Ok(manifest)
    }

    fn manifest_bytes(&self, name: &Name, version: &str) -> Result<(Manifest, String), ArtifactError> {
        check_version(version)?;
        let key = format!("{name}/{version}/{MANIFEST}");
        let bytes = self.blobs()?.get(&key)?.ok_or_else(|| self.not_found(name, Some(version)))?;
        let manifest: Manifest = self.parse(&key, &bytes)?;
        let reason = if manifest.format > FORMAT {
            format!(
                "is of format {}, and this program reads up to {FORMAT}; use a newer one",
                manifest.format
            )
        } else if manifest.name != *name || manifest.version != version {
            format!("is that of {}", manifest.id())
        } else {
            return Ok((manifest, checksum::of(&bytes)));
        };
        Err(ArtifactError::format(&self.place(&key), reason))
    }

    /// Makes a version the one that serves, after loading it as a server would.
    ///
    /// # Errors
    /// When it is not there or does not verify; then what served goes on serving.
    pub fn promote(&self, name: &Name, version: &str) -> Result<Pointer, ArtifactError> {
        self.load(name, Some(version))?;
        let (_, manifest) = self.manifest_bytes(name, version)?;
        let before = self.pointer(name)?;
        if let Some(pointer) = &before
            && pointer.current.version == version
            && pointer.current.manifest == manifest
        {
            return Ok(pointer.clone());
        }
        let promotion = Promotion { version: version.to_owned(), manifest, at: self.now() };
        self.point(name, Pointer::promoted(before, promotion))
    }

    /// Makes the version that served before the current one serve again.
    ///
    /// # Errors
    /// When there is none before it, or it does not verify.
    pub fn rollback(&self, name: &Name) -> Result<Pointer, ArtifactError> {
        let before = self.pointer(name)?.ok_or_else(|| self.not_promoted(name))?;
        let after = before.rolled_back().ok_or_else(|| ArtifactError::NoHistory { name: name.clone() })?;
        self.load_promoted(name, &after.current)?;
        self.point(name, after)
    }

    fn point(&self, name: &Name, pointer: Pointer) -> Result<Pointer, ArtifactError> {
        self.blobs()?.put(&format!("{name}/{POINTER}"), &json(&pointer))?;
        Ok(pointer)
    }

    /// Loads and verifies a version, or the promoted one.
    ///
    /// # Errors
    /// The first thing that is not as it was published.
    pub fn load(&self, name: &Name, version: Option<&str>) -> Result<Artifact, ArtifactError> {
        match version {
            Some(version) => self.load_manifest(self.manifest_bytes(name, version)?.0),
            None => {
                let pointer = self.pointer(name)?.ok_or_else(|| self.not_promoted(name))?;
                self.load_promoted(name, &pointer.current)
            }
        }
    }

    /// Loads and verifies what a promotion points to.
    ///
    /// # Errors
    /// The first thing that is not as it was when it was promoted.
    pub fn load_promoted(&self, name: &Name, promotion: &Promotion) -> Result<Artifact, ArtifactError> {
        let (manifest, found) = self.manifest_bytes(name, &promotion.version)?;
        let place = || self.place(&format!("{name}/{}/{MANIFEST}", promotion.version));
        same(place, found, POINTER, &promotion.manifest)?;
        self.load_manifest(manifest)
    }

    fn load_manifest(&self, manifest: Manifest) -> Result<Artifact, ArtifactError> {
        let (blobs, folder) = (self.blobs()?, format!("{}/{}", manifest.name, manifest.version));
        self.assemble(manifest, |file| blobs.get(&format!("{folder}/{file}")))
    }

    /// Puts an artifact together from its files, and checks all that can be checked.
    fn assemble(
        &self,
        manifest: Manifest,
        read: impl Fn(&str) -> Result<Option<Vec<u8>>, ArtifactError>,
    ) -> Result<Artifact, ArtifactError> {
        let id = manifest.id();
        let place = |file: &str| self.place(&format!("{}/{}/{file}", manifest.name, manifest.version));
        let get = |file: &str| {
            let bytes = read(file)?.ok_or_else(|| ArtifactError::format(&place(file), "is missing"))?;
            let expected = manifest.checksums.get(file).map_or("nothing about it", String::as_str);
            same(|| place(file), checksum::of(&bytes), MANIFEST, expected)?;
            Ok::<_, ArtifactError>(bytes)
        };
        let wrong = |file: &str, reason: String| ArtifactError::format(&place(file), reason);
        let schema: Schema = parse(&place(SCHEMA), &get(SCHEMA)?)?;
        let features = schema.names().map_err(|reason| wrong(SCHEMA, reason))?;
        if schema.hash != manifest.schema_hash {
            let reason =
                format!("has the hash {}, and the manifest says {}", schema.hash, manifest.schema_hash);
            return Err(wrong(SCHEMA, reason));
        }
        let file = manifest.kind.file();
        let model = manifest.kind.read(&id, &get(file)?, &features).map_err(|reason| wrong(file, reason))?;
        if model.features() != features {
            let model = model.features().iter().map(ToString::to_string).collect();
            return Err(ArtifactError::Schema { artifact: id, model, schema: schema.features });
        }
        let golden: Golden = parse(&place(GOLDEN), &get(GOLDEN)?)?;
        if let Some((row, found, expected)) = golden.check(&*model).map_err(|reason| wrong(GOLDEN, reason))? {
            return Err(ArtifactError::Golden { artifact: id, row, found, expected });
        }
        let baseline = Arc::new(parse(&place(BASELINE), &get(BASELINE)?)?);
        Ok(Artifact { schema, baseline, id, model: model.into(), manifest: Arc::new(manifest) })
    }

    fn parse<T: DeserializeOwned>(&self, key: &str, bytes: &[u8]) -> Result<T, ArtifactError> {
        parse(&self.place(key), bytes)
    }

    pub(crate) fn not_promoted(&self, name: &Name) -> ArtifactError {
        ArtifactError::NotPromoted { name: name.clone(), location: self.location.to_string() }
    }

    fn not_found(&self, name: &Name, version: Option<&str>) -> ArtifactError {
        let list = |found: Vec<String>, none: &str| match found.is_empty() {
            true => none.to_owned(),
            false => format!("there are {}", found.join(", ")),
        };
        let below = |key: &str| self.blobs().and_then(|blobs| blobs.list(key)).unwrap_or_default();
        let versions: Vec<String> = below(name.as_str()).into_iter().filter(|name| name != POINTER).collect();
        let (wanted, hint) = match version {
            Some(version) if !versions.is_empty() => (format!("{name}@{version}"), list(versions, "")),
            version => {
                let wanted = version.map_or_else(|| name.to_string(), |version| format!("{name}@{version}"));
                (wanted, list(below(""), "there is none at all; `recommend train` writes them"))
            }
        };
        ArtifactError::NotFound { wanted, location: self.location.to_string(), hint }
    }
}

/// Versions become folders, so they hold nothing that could lead out of one.
fn check_version(version: &str) -> Result<(), ArtifactError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    match (1..=64).contains(&version.len()) && !version.starts_with('.') && version.bytes().all(plain) {
        true => Ok(()),
        false => Err(ArtifactError::format(version, "is no version: use 1 to 64 of A-Z a-z 0-9 . - _")),
    }
}

fn same(
    place: impl Fn() -> String,
    found: String,
    by: &'static str,
    expected: &str,
) -> Result<(), ArtifactError> {
    match found == expected {
        true => Ok(()),
        false => Err(ArtifactError::Checksum { place: place(), found, by, expected: expected.to_owned() }),
    }
}

fn parse<T: DeserializeOwned>(place: &str, bytes: &[u8]) -> Result<T, ArtifactError> {
    serde_json::from_slice(bytes).map_err(|error| ArtifactError::format(place, error))
}

/// # Panics
/// Never: what is written has only text keys, and no float that JSON lacks matters to it.
#[expect(clippy::expect_used, reason = "these types have a JSON form, which the tests of each show")]
fn json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("a JSON form");
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests;
