//! GoogLeNet (`torchvision/models/googlenet.py`). Owns: its blocks and recognition.

use super::inception::{TRANSFORM, basic, basic_conv};
use super::misc::transform_input;
use super::synth::{Conv, adaptive, head, linear_at, max_pool, seq};
use super::{Built, Family, Options, keys::Keys};
use crate::modules::{Apply, Class, Forward, Module};
use modelport_diag::Result;
use modelport_ir::{Attr, ValueId};

const MODULE: &str = "torchvision.models.googlenet";

const fn of(name: &'static str, f: fn(&mut Forward, &Module, ValueId) -> Result<ValueId>) -> Class {
    Class { of: MODULE, name, apply: Apply::One(f) }
}

pub(super) const CLASSES: &[Class] = &[
    of("GoogLeNet", googlenet),
    of("Inception", |f, m, x| {
        let parts = [
            f.child(m, "branch1", x)?,
            f.child(m, "branch2", x)?,
            f.child(m, "branch3", x)?,
            f.child(m, "branch4", x)?,
        ];
        Ok(f.cat(&parts, 1))
    }),
    of("BasicConv2d", basic),
];

const STAGES: &[&str] = &[
    "conv1",
    "maxpool1",
    "conv2",
    "conv3",
    "maxpool2",
    "inception3a",
    "inception3b",
    "maxpool3",
    "inception4a",
    "inception4b",
    "inception4c",
    "inception4d",
    "inception4e",
    "maxpool4",
    "inception5a",
    "inception5b",
];

/// The auxiliary heads are for training only.
fn googlenet(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let x = if m.bool_or("transform_input", false) { transform_input(f, x) } else { x };
    let x = f.chain(m, STAGES, x)?;
    let x = f.average(x, 1);
    let x = f.flatten(x);
    f.maybe(m, "fc", x)
}

pub(super) const FAMILY: Family =
    Family { name: "googlenet", members: &["googlenet"], options: &["transform_input"], build };

fn build(keys: &Keys<'_>, options: &Options) -> Result<Option<Built>> {
    let transform: Option<bool> = options.get("transform_input")?;
    Ok(network(keys, transform))
}

fn network(keys: &Keys<'_>, transform: Option<bool>) -> Option<Built> {
    if !keys.has("inception3a.branch1.conv.weight") {
        return None;
    }
    let mut m =
        Module::new(format!("{MODULE}.GoogLeNet")).with("transform_input", Attr::Bool(transform.unwrap_or(false)));
    let mut c = 3;
    for &stage in STAGES {
        let module = if stage.starts_with("maxpool") {
            max_pool(if stage == "maxpool4" { 2 } else { 3 }, 2, 0, true)
        } else if stage.starts_with("conv") {
            let conv = Conv::at(keys, &format!("{stage}.conv"), c)?.stride(if stage == "conv1" { 2 } else { 1 });
            c = conv.output();
            basic_conv(MODULE, &conv)
        } else {
            for (aux, before) in [("aux1", "inception4b"), ("aux2", "inception4e")] {
                if stage == before && keys.below(aux) {
                    m = m.sub(aux, auxiliary(keys, aux, c)?);
                }
            }
            block(keys, stage, &mut c)?
        };
        m = m.sub(stage, module);
    }
    let mut notes = Vec::new();
    let fc = head(keys, "fc", c, &mut notes)?;
    if transform.is_none() {
        notes.push(TRANSFORM.to_owned());
    }
    let mut built = Built::new("googlenet", m.sub("avgpool", adaptive(1)).sub("fc", fc));
    built.notes = notes;
    Some(built)
}

fn block(keys: &Keys<'_>, at: &str, c: &mut usize) -> Option<Module> {
    let mut total = 0usize;
    let mut conv = |name: &str, input: usize, last: bool| {
        let conv = Conv::at(keys, &format!("{at}.{name}.conv"), input)?;
        total = if last { total.checked_add(conv.output())? } else { total };
        Some((basic_conv(MODULE, &conv), conv.output()))
    };
    let mut m = Module::new(format!("{MODULE}.Inception")).sub("branch1", conv("branch1", *c, true)?.0);
    for branch in ["branch2", "branch3"] {
        let (first, n) = conv(&format!("{branch}.0"), *c, false)?;
        let (second, _) = conv(&format!("{branch}.1"), n, true)?;
        m = m.sub(branch, seq(vec![first, second]));
    }
    let (pooled, _) = conv("branch4.1", *c, true)?;
    m = m.sub("branch4", seq(vec![max_pool(3, 1, 1, true), pooled]));
    *c = total;
    Some(m)
}

fn auxiliary(keys: &Keys<'_>, at: &str, c: usize) -> Option<Module> {
    let conv = Conv::at(keys, &format!("{at}.conv.conv"), c)?;
    let hidden = keys.dim(&format!("{at}.fc1.weight"), 0)?;
    Some(
        Module::new(format!("{MODULE}.InceptionAux"))
            .sub("conv", basic_conv(MODULE, &conv))
            .sub("fc1", linear_at(keys, &format!("{at}.fc1"), conv.output().checked_mul(16)?)?)
            .sub("fc2", linear_at(keys, &format!("{at}.fc2"), hidden)?),
    )
}
