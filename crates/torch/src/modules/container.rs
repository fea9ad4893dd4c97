//! Containers, and wrappers around whole models.

use super::{Class, Forward, Module, Val, nn, nn_any};
use modelport_diag::{Code, Diagnostic, Result};

pub(super) const CLASSES: &[Class] = &[
    nn_any("Sequential", sequential),
    nn("ModuleList", |f, m, _| Err(uncallable(f, m))),
    nn("ModuleDict", |f, m, _| Err(uncallable(f, m))),
    nn("ParameterList", |f, m, _| Err(uncallable(f, m))),
    nn("ParameterDict", |f, m, _| Err(uncallable(f, m))),
    nn_any("DataParallel", wrapper),
    nn_any("DistributedDataParallel", wrapper),
];

/// One module after the other.
pub(crate) fn sequential(f: &mut Forward, m: &Module, inputs: &[Val]) -> Result<Val> {
    let mut x = match inputs {
        [one] => one.clone(),
        _ => return Err(f.arity(m, "one value", inputs)),
    };
    for (name, _) in &m.children {
        x = f.child_with(m, name, &[x])?;
    }
    Ok(x)
}

fn wrapper(f: &mut Forward, m: &Module, inputs: &[Val]) -> Result<Val> {
    f.notes.insert(format!("the model stands inside of a `{}`, which was taken off", m.short()));
    f.child_with(m, "module", inputs)
}

fn uncallable(_: &Forward, m: &Module) -> Box<Diagnostic> {
    Diagnostic::error(Code::TORCH_MODULE, format!("a `{}` holds modules but computes nothing itself", m.short()))
}
