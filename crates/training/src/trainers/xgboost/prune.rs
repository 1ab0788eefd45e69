//! Taking one feature out of trained trees, by answering every question about it with a fixed value.

use serde_json::{Map, Value, json};

/// The parent of a root, in XGBoost's files.
const NO_PARENT: i64 = i32::MAX as i64;

/// The model without its last feature, which is `column`, as if that were always `value`. Takes and gives XGBoost's JSON.
pub(super) fn without(model: &[u8], column: usize, value: f32) -> Result<Vec<u8>, String> {
    let mut model: Value = serde_json::from_slice(model).map_err(|error| error.to_string())?;
    let learner = model.get_mut("learner").ok_or("the model has no learner")?;
    for list in ["feature_names", "feature_types"] {
        if let Some(names) = learner.get_mut(list).and_then(Value::as_array_mut) {
            names.truncate(column);
        }
    }
    let parameters = learner.get_mut("learner_model_param").ok_or("the model has no learner_model_param")?;
    parameters["num_feature"] = json!(column.to_string());
    let booster = learner.get_mut("gradient_booster").ok_or("the model has no gradient_booster")?;
    // `dart` wraps `gbtree`.
    let booster = if booster.get("gbtree").is_some() { &mut booster["gbtree"] } else { booster };
    let trees = booster.pointer_mut("/model/trees").and_then(Value::as_array_mut);
    for tree in trees.ok_or("the model has no trees; a position cannot be taken out of a linear booster")? {
        let tree = tree.as_object_mut().ok_or("a tree is no object")?;
        *tree = prune(tree, column, value)?;
        if let Some(parameters) = tree.get_mut("tree_param") {
            parameters["num_feature"] = json!(column.to_string());
        }
    }
    serde_json::to_vec(&model).map_err(|error| error.to_string())
}

fn prune(tree: &Map<String, Value>, column: usize, value: f32) -> Result<Map<String, Value>, String> {
    let list =
        |key: &str| tree.get(key).and_then(Value::as_array).ok_or_else(|| format!("a tree has no {key}"));
    let number = |key: &str, at: usize| {
        list(key)?
            .get(at)
            .and_then(Value::as_f64)
            .ok_or_else(|| format!("{key} of a tree ends before node {at}"))
    };
    let child = |key: &str, at: usize| Ok::<i64, String>(number(key, at)? as i64);
    // Down from a node to the first one that asks about another feature, or is a leaf.
    let settle = |mut at: usize| {
        while child("left_children", at)? >= 0 && number("split_indices", at)? as usize == column {
            // Thresholds are f32 in XGBoost; the file holds their shortest decimals.
            let side = if value < number("split_conditions", at)? as f32 {
                "left_children"
            } else {
                "right_children"
            };
            at = usize::try_from(child(side, at)?).map_err(|error| error.to_string())?;
        }
        Ok::<usize, String>(at)
    };
    // Breadth-first, as XGBoost numbers them: per kept node its old number, and its parent's new one.
    let mut kept = vec![(settle(0)?, NO_PARENT)];
    let (mut lefts, mut rights) = (Vec::new(), Vec::new());
    let mut next = 0;
    while let Some((old, _)) = kept.get(next).copied() {
        let mut place = |side: &str| -> Result<i64, String> {
            let at = child(side, old)?;
            let Ok(at) = usize::try_from(at) else { return Ok(-1) };
            kept.push((settle(at)?, next as i64));
            Ok(kept.len() as i64 - 1)
        };
        let (left, right) = (place("left_children")?, place("right_children")?);
        lefts.push(left);
        rights.push(right);
        next += 1;
    }
    let nodes = list("left_children")?.len();
    let mut pruned = tree.clone();
    for (key, old) in tree {
        let values = old.as_array().filter(|values| values.len() == nodes && !key.starts_with("categories"));
        if let Some(values) = values {
            pruned[key] = kept.iter().map(|(old, _)| values[*old].clone()).collect();
        }
    }
    pruned["left_children"] = json!(lefts);
    pruned["right_children"] = json!(rights);
    pruned["parents"] = kept.iter().map(|(_, parent)| *parent).collect();
    if let Some(parameters) = pruned.get_mut("tree_param") {
        parameters["num_nodes"] = json!(kept.len().to_string());
        parameters["num_deleted"] = json!("0");
    }
    Ok(pruned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feature 1 at the root and under it; what is left asks about feature 0 alone.
    #[test]
    fn questions_about_the_feature_are_answered_and_gone() {
        let tree = json!({
            "left_children": [1, 3, 5, -1, -1, -1, -1], "right_children": [2, 4, 6, -1, -1, -1, -1],
            "parents": [NO_PARENT, 0, 0, 1, 1, 2, 2], "split_indices": [1, 0, 1, 0, 0, 0, 0],
            "split_conditions": [0.5, 7.0, 0.9, 1.0, 2.0, 3.0, 4.0], "default_left": [1, 0, 1, 0, 0, 0, 0],
            "tree_param": {"num_nodes": "7", "num_feature": "2", "num_deleted": "0"}
        });
        let tree = tree.as_object().unwrap();
        let low = prune(tree, 1, 0.0).unwrap();
        assert_eq!(low["left_children"], json!([1, -1, -1]));
        assert_eq!(low["split_conditions"], json!([7.0, 1.0, 2.0]));
        assert_eq!(low["parents"], json!([NO_PARENT, 0, 0]));
        assert_eq!(low["tree_param"]["num_nodes"], "3");
        let high = prune(tree, 1, 1.0).unwrap();
        assert_eq!((&high["left_children"], &high["split_conditions"]), (&json!([-1]), &json!([4.0])));
    }
}
