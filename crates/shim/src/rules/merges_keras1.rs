//! Keras 1's `Merge` layer, whose modes became layers of their own. Fact: keras 1.2.2 `engine/topology.py`, `Merge.call`.

use crate::rule::{Edit, Rule, rule};
use crate::version::Range;
use modelport_ir::Attr;

pub(crate) const RULES: &[Rule] = &[
    // Kept as a legacy layer until 2.1.6 (`keras/legacy/layers.py`).
    rule("keras1_merge", &["Merge"], Range((0, 0, 0), (2, 2, 0)), merge),
];

/// Mode, today's class.
const MODES: &[(&str, &str)] = &[
    ("sum", "Add"),
    ("mul", "Multiply"),
    ("ave", "Average"),
    ("max", "Maximum"),
    ("concat", "Concatenate"),
    ("dot", "Dot"),
    ("cos", "Dot"),
];

/// A mode that is a Python function stays a `Merge`, which nobody knows: its body can be declared.
fn merge(e: &mut Edit<'_>) {
    let Some(mode) = e.str("mode").map(str::to_owned) else { return };
    let Some((_, class)) = MODES.iter().find(|(m, _)| *m == mode) else { return };
    e.op.name = (*class).to_owned();
    e.say(format!("`Merge(mode='{mode}')` is the layer `{class}` today"));
    let (axis, dot_axes) = (e.take("concat_axis"), e.take("dot_axes"));
    if mode == "concat" {
        e.set("axis", axis.unwrap_or(Attr::Int(-1)));
    }
    if matches!(mode.as_str(), "dot" | "cos") {
        e.set("axes", dot_axes.unwrap_or(Attr::Int(-1)));
        e.set("normalize", Attr::Bool(mode == "cos"));
    }
    const REST: &[&str] =
        &["mode", "mode_type", "output_shape", "output_shape_type", "output_mask", "output_mask_type", "arguments"];
    for name in REST {
        e.op.attrs.remove(*name);
    }
}
