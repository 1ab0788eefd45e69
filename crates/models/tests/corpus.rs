//! Every file of the fuzzer's corpus, whole, cut short, and with bits turned over: an error or a model, never a panic.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::PathBuf;

use proptest::prelude::*;
use recommend_models::forest::Rows;
use recommend_models::xgboost::{Booster, LoadOptions};

fn corpus() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/model");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn read(bytes: &[u8]) -> Result<Booster, String> {
    let booster = Booster::read(bytes, &LoadOptions::default()).map_err(|error| error.to_string())?;
    if booster.features() < 200 && booster.groups() < 20 {
        let columns: Vec<usize> = (0..booster.features()).collect();
        let values = vec![1.0; 10 * booster.features()];
        let rows = Rows::new(&values, booster.features(), 10, &columns).map_err(|error| error.to_string())?;
        booster.predict(&rows, &mut vec![0.0; 10 * booster.groups()]);
    }
    Ok(booster)
}

#[test]
fn sound_files_of_every_kind_and_version_are_read_and_others_are_told_why() {
    let files = corpus();
    assert!(files.len() > 20, "the corpus is there");
    for (path, bytes) in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match read(&bytes) {
            Ok(_) => assert!(!name.starts_with("bad-"), "{name} was read"),
            Err(error) => {
                assert!(name.starts_with("bad-"), "{name}: {error}");
                // The name says what the error must speak of: bad-<word>-….
                let word = name.split('-').nth(1).unwrap();
                assert!(error.to_lowercase().contains(word), "{name}: {error}");
            }
        }
    }
}

#[test]
fn files_cut_short_anywhere_are_errors() {
    for (path, bytes) in corpus().into_iter().filter(|(path, _)| !path.to_string_lossy().contains("bad-")) {
        let end = bytes.iter().rposition(|byte| !byte.is_ascii_whitespace()).unwrap();
        for cut in (0..end).step_by(1 + bytes.len() / 300) {
            assert!(read(&bytes[..cut]).is_err(), "{} cut at {cut}", path.display());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn bytes_turned_over_are_never_a_panic(
        file in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let files = corpus();
        let (_, bytes) = &files[file.index(files.len())];
        let mut bytes = bytes.clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = read(&bytes);
    }
}
