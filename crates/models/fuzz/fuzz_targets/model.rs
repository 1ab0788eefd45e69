//! Any bytes as a model file: an error or a model that scores and explains; never a panic, a hang, or gigabytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use recommend_models::Explain;
use recommend_models::explain::importances;
use recommend_models::forest::Rows;
use recommend_models::xgboost::{Booster, LoadOptions};

fuzz_target!(|bytes: &[u8]| {
    let booster = match Booster::read(bytes, &LoadOptions::default()) {
        Ok(booster) => booster,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let (features, groups) = (booster.features(), booster.groups());
    // What a file claims without holding it costs the caller, not the reader.
    if features > 200 || groups > 20 {
        return;
    }
    let columns: Vec<usize> = (0..features).collect();
    let count = 20;
    let values: Vec<f32> =
        (0..count * features).map(|at| if at % 5 == 0 { f32::NAN } else { (at % 31) as f32 - 15.0 }).collect();
    let mut alone = vec![0.0; groups];
    let mut together = vec![0.0; groups * count];
    let rows = Rows::new(&values, features, count, &columns).expect("the rows fit");
    booster.margins(&rows, &mut together);
    let first = Rows::new(&values, features, 1, &columns).expect("one row fits");
    booster.margins(&first, &mut alone);
    for (alone, together) in alone.iter().zip(&together) {
        assert_eq!(alone.to_bits(), together.to_bits(), "a row scores the same alone and among others");
    }
    assert_eq!(importances(&booster).len(), features);
    if booster.forest().is_none_or(|forest| forest.depth() < 30) {
        let mut contributions = vec![0.0; groups * (features + 1)];
        // Without training weights there is nothing to explain.
        let _ = booster.contributions(&first, &mut contributions);
    }
});
