//! Names of ATen ops: overload, in-place form, and the many ops that are another by a second name.
//!
//! Owns: which op a name means. Must never know: what ops do.

/// A name taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// The functional op without overload: `aten::add` for `aten::add_.Tensor`.
    pub(crate) base: String,
    /// `Tensor` of `aten::add_.Tensor`; none where the source has none, and for `default`.
    pub(crate) overload: Option<String>,
    /// Whether the op writes its result to `self`.
    pub(crate) in_place: bool,
    /// Whether the op computes nothing: checks, hints, profiling.
    pub(crate) ignored: bool,
}

/// Ops that do nothing to values.
const IGNORED: &[&str] = &[
    "aten::_assert_async",
    "aten::_assert_tensor_metadata",
    "aten::_assert_scalar",
    "aten::_functional_assert_async",
    "aten::_functional_assert_scalar",
    "aten::_functional_sym_constrain_range",
    "aten::sym_constrain_range",
    "aten::sym_constrain_range_for_size",
    "aten::_functional_sym_constrain_range_for_size",
    "aten::warn",
    "profiler::_record_function_enter",
    "profiler::_record_function_enter_new",
    "profiler::_record_function_exit",
];

/// Second names, to first ones.
const ALIASES: &[(&str, &str)] = &[
    ("absolute", "abs"),
    ("adaptive_max_pool2d_with_indices", "adaptive_max_pool2d"),
    ("arccos", "acos"),
    ("arccosh", "acosh"),
    ("arcsin", "asin"),
    ("arcsinh", "asinh"),
    ("arctan", "atan"),
    ("arctan2", "atan2"),
    ("arctanh", "atanh"),
    ("clip", "clamp"),
    ("concat", "cat"),
    ("concatenate", "cat"),
    ("divide", "div"),
    ("true_divide", "div"),
    ("greater", "gt"),
    ("greater_equal", "ge"),
    ("less", "lt"),
    ("less_equal", "le"),
    ("not_equal", "ne"),
    ("multiply", "mul"),
    ("subtract", "sub"),
    ("negative", "neg"),
    ("fix", "trunc"),
    ("moveaxis", "movedim"),
    ("swapaxes", "transpose"),
    ("swapdims", "transpose"),
    ("row_stack", "vstack"),
    ("inverse", "linalg_inv"),
    ("linalg_matmul", "matmul"),
    ("special_erf", "erf"),
    ("special_erfc", "erfc"),
    ("special_exp2", "exp2"),
    ("special_expit", "sigmoid"),
    ("special_expm1", "expm1"),
    ("special_log1p", "log1p"),
    ("special_log_softmax", "log_softmax"),
    ("special_softmax", "softmax"),
    ("special_logit", "logit"),
    ("special_logsumexp", "logsumexp"),
    ("special_round", "round"),
    ("special_sinc", "sinc"),
    ("special_xlogy", "xlogy"),
    ("_unsafe_view", "view"),
    ("_reshape_alias", "reshape"),
    ("_reshape_copy", "reshape"),
    ("_unsafe_index", "index"),
    ("_unsafe_index_put", "index_put"),
    ("_unsafe_masked_index", "index"),
    ("_index_put_impl", "index_put"),
    ("unsafe_split", "split"),
    ("unsafe_split_with_sizes", "split_with_sizes"),
    ("unsafe_chunk", "chunk"),
    ("_conv_depthwise2d", "conv2d"),
    ("__and__", "bitwise_and"),
    ("__or__", "bitwise_or"),
    ("__xor__", "bitwise_xor"),
    ("__iand__", "bitwise_and"),
    ("__ior__", "bitwise_or"),
    ("__ixor__", "bitwise_xor"),
    ("__lshift__", "bitwise_left_shift"),
    ("__rshift__", "bitwise_right_shift"),
    ("_local_scalar_dense", "item"),
    ("IntImplicit", "Int"),
    ("FloatImplicit", "Float"),
    ("ScalarImplicit", "item"),
    ("feature_alpha_dropout", "feature_dropout"),
    ("_scaled_dot_product_attention", "scaled_dot_product_attention"),
    ("_grid_sampler_2d_cpu_fallback", "grid_sampler_2d"),
];

/// The functional form of an op that writes in place; some write what has another name as a function.
pub(crate) fn of_written(op: &str) -> &str {
    match op {
        // As functions these draw by what they are given, in place by their other arguments.
        "normal" => "normal_functional",
        "bernoulli" => "bernoulli_functional",
        _ => op,
    }
}

/// Takes a name apart.
pub(crate) fn parse(name: &str) -> Name {
    let (space, rest) = name.rsplit_once("::").unwrap_or(("aten", name));
    let (op, overload) = rest.split_once('.').unwrap_or((rest, ""));
    let overload = Some(overload.to_owned()).filter(|o| !o.is_empty() && o != "default");
    let dunder = op.starts_with("__");
    let in_place = op.len() > 1 && (op.ends_with('_') && !dunder || op.starts_with("__i") && op.ends_with("__"));
    let op = if in_place && !dunder { of_written(op.trim_end_matches('_')) } else { op };
    let op = if space == "aten" { canonical(op) } else { op };
    let base = format!("{space}::{op}");
    let ignored = IGNORED.contains(&base.as_str());
    Name { base, overload, in_place, ignored }
}

/// The first name of an op.
fn canonical(op: &str) -> &str {
    if let Some((_, first)) = ALIASES.iter().find(|(second, _)| *second == op) {
        return first;
    }
    // `permute_copy`: a view op as a copy, in functionalised graphs.
    match op.strip_suffix("_copy") {
        Some(view) if !matches!(op, "_to_copy" | "lift_fresh_copy" | "index_copy") => view,
        _ => op,
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn names_are_taken_apart() {
        let name = parse("aten::add_.Tensor");
        assert_eq!((name.base.as_str(), name.overload.as_deref(), name.in_place), ("aten::add", Some("Tensor"), true));
        let name = parse("aten::__and__.Tensor");
        assert_eq!((name.base.as_str(), name.in_place), ("aten::bitwise_and", false));
        assert!(parse("aten::__ior__").in_place);
        assert_eq!(parse("aten::relu.default").overload, None);
        assert_eq!(parse("torchvision::nms").base, "torchvision::nms");
        assert_eq!(parse("aten::permute_copy").base, "aten::permute");
        assert_eq!(parse("aten::_to_copy").base, "aten::_to_copy");
        assert!(parse("aten::_assert_async.msg").ignored);
    }
}
