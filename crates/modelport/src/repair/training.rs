//! The configuration of training.
//!
//! Keras 3 looks for a loss that a metric is named after, and has no class under the short names (keras 3.15.1
//! `legacy/saving/saving_utils.py`, `metrics/__init__.py`); its losses and optimizers take fewer arguments
//! (`losses/losses.py`, `optimizers/base_optimizer.py`). Owns: those. Must never know: layers.

use super::Log;
use serde_json::{Map, Value, json};

const SHORT: &[(&str, &str)] = &[
    ("mse", "mean_squared_error"),
    ("MSE", "mean_squared_error"),
    ("mae", "mean_absolute_error"),
    ("MAE", "mean_absolute_error"),
    ("mape", "mean_absolute_percentage_error"),
    ("MAPE", "mean_absolute_percentage_error"),
    ("msle", "mean_squared_logarithmic_error"),
    ("MSLE", "mean_squared_logarithmic_error"),
    ("kld", "kl_divergence"),
    ("KLD", "kl_divergence"),
];

/// Rewrites optimizer, losses and metrics.
pub(crate) fn rewrite(training: &mut Value, log: &mut Log) {
    for key in ["optimizer", "optimizer_config"] {
        let config = training.get_mut(key).and_then(|o| o.get_mut("config")).and_then(Value::as_object_mut);
        if let Some(config) = config {
            optimizer(config, log);
        }
    }
    for key in ["loss", "metrics", "weighted_metrics"] {
        if let Some(value) = training.get_mut(key) {
            spell(value, log, 0);
        }
    }
}

fn optimizer(config: &mut Map<String, Value>, log: &mut Log) {
    for key in ["jit_compile", "is_legacy_optimizer", "decay"] {
        if config.remove(key).is_some() {
            log.changed(format!("an optimizer without `{key}`"));
        }
    }
    if let Some(rate) = config.remove("lr") {
        config.insert("learning_rate".to_owned(), rate);
        log.changed("`lr` of an optimizer is `learning_rate`");
    }
}

/// A loss that is an object.
fn loss(config: &mut Map<String, Value>, log: &mut Log) {
    if config.get("reduction").is_some_and(|r| r == "auto") {
        config.insert("reduction".to_owned(), json!("sum_over_batch_size"));
        if config.remove("fn").is_some() {
            log.changed("a loss without `fn`");
        }
    }
}

fn spell(value: &mut Value, log: &mut Log, depth: usize) {
    match value {
        Value::String(name) => {
            if let Some((_, long)) = SHORT.iter().find(|(short, _)| short == name) {
                log.changed(format!("`{name}` of the training configuration is `{long}`"));
                *name = (*long).to_owned();
            }
        }
        // Objects carry the long names already; their own name is only a title.
        Value::Object(map) if map.contains_key("class_name") => {
            if let Some(config) = map.get_mut("config").and_then(Value::as_object_mut) {
                loss(config, log);
            }
        }
        Value::Object(map) if depth < 8 => map.values_mut().for_each(|v| spell(v, log, depth + 1)),
        Value::Array(list) if depth < 8 => list.iter_mut().for_each(|v| spell(v, log, depth + 1)),
        _ => {}
    }
}
