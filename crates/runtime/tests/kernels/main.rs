//! Every kernel against values calculated by hand or taken from the text of the ONNX operator specification.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(
    clippy::excessive_precision,
    clippy::approx_constant,
    reason = "expected values stand as they were calculated"
)]

mod arrays;
mod control;
mod drawn;
mod elementwise;
mod hostile;
mod images;
mod indexing;
mod limits;
mod linear;
mod movement;
mod quant;
mod recurrent;
mod reductions;
mod support;

use support::Case;

fn all() -> Vec<Case> {
    let families: [fn() -> Vec<Case>; 10] = [
        elementwise::cases,
        reductions::cases,
        linear::cases,
        movement::cases,
        indexing::cases,
        images::cases,
        recurrent::cases,
        quant::cases,
        control::cases,
        drawn::cases,
    ];
    families.into_iter().flat_map(|f| f()).collect()
}

#[test]
fn every_case_gives_its_values() {
    let failures: Vec<String> = all().iter().filter_map(|c| c.check().err()).collect();
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_op_has_a_case() {
    let tested: std::collections::BTreeSet<&str> = all().iter().map(|c| c.op.name()).collect();
    let missing: Vec<_> =
        modelport_ir::Op::all_names().into_iter().filter(|n| *n != "Custom" && !tested.contains(n)).collect();
    // `Custom` has no values: `limits::a_custom_op_is_a_diagnostic` is its case.
    assert!(missing.is_empty(), "ops without a case: {missing:?}");
}
