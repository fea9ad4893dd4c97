//! Inception v3 (`torchvision/models/inception.py`). Owns: its blocks and recognition.

use super::misc::{max_pool, transform_input};
use super::synth::{Conv, adaptive, batch_norm, head, linear_at};
use super::{Built, Family, Options, keys::Keys};
use crate::modules::{Apply, Class, Forward, Module, ints};
use modelport_diag::Result;
use modelport_ir::{Attr, ValueId};

const MODULE: &str = "torchvision.models.inception";

const fn of(name: &'static str, f: fn(&mut Forward, &Module, ValueId) -> Result<ValueId>) -> Class {
    Class { of: MODULE, name, apply: Apply::One(f) }
}

pub(super) const CLASSES: &[Class] = &[
    of("Inception3", inception3),
    of("InceptionA", |f, m, x| {
        let parts = [
            f.child(m, "branch1x1", x)?,
            f.chain(m, &["branch5x5_1", "branch5x5_2"], x)?,
            f.chain(m, &["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"], x)?,
            pooled(f, m, x)?,
        ];
        Ok(f.cat(&parts, 1))
    }),
    of("InceptionB", |f, m, x| {
        let parts = [
            f.child(m, "branch3x3", x)?,
            f.chain(m, &["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"], x)?,
            max_pool(f, x, 3, 2),
        ];
        Ok(f.cat(&parts, 1))
    }),
    of("InceptionC", |f, m, x| {
        let double = ["branch7x7dbl_1", "branch7x7dbl_2", "branch7x7dbl_3", "branch7x7dbl_4", "branch7x7dbl_5"];
        let parts = [
            f.child(m, "branch1x1", x)?,
            f.chain(m, &["branch7x7_1", "branch7x7_2", "branch7x7_3"], x)?,
            f.chain(m, &double, x)?,
            pooled(f, m, x)?,
        ];
        Ok(f.cat(&parts, 1))
    }),
    of("InceptionD", |f, m, x| {
        let parts = [
            f.chain(m, &["branch3x3_1", "branch3x3_2"], x)?,
            f.chain(m, &["branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3", "branch7x7x3_4"], x)?,
            max_pool(f, x, 3, 2),
        ];
        Ok(f.cat(&parts, 1))
    }),
    of("InceptionE", |f, m, x| {
        let first = f.child(m, "branch1x1", x)?;
        let narrow = f.child(m, "branch3x3_1", x)?;
        let narrow = [f.child(m, "branch3x3_2a", narrow)?, f.child(m, "branch3x3_2b", narrow)?];
        let narrow = f.cat(&narrow, 1);
        let double = f.chain(m, &["branch3x3dbl_1", "branch3x3dbl_2"], x)?;
        let double = [f.child(m, "branch3x3dbl_3a", double)?, f.child(m, "branch3x3dbl_3b", double)?];
        let double = f.cat(&double, 1);
        let pool = pooled(f, m, x)?;
        Ok(f.cat(&[first, narrow, double, pool], 1))
    }),
    of("BasicConv2d", basic),
];

/// Also GoogLeNet's.
pub(super) fn basic(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let x = f.chain(m, &["conv", "bn"], x)?;
    Ok(f.relu(x))
}

fn pooled(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let x = f.op("aten::avg_pool2d", vec![x.into(), ints(&[3, 3]), ints(&[1, 1]), ints(&[1, 1])]);
    f.child(m, "branch_pool", x)
}

/// The auxiliary head is for training only. Until torchvision 0.6 the pools were functions.
fn inception3(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let mut x = if m.bool_or("transform_input", false) { transform_input(f, x) } else { x };
    x = f.chain(m, &["Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3"], x)?;
    x = max_pool(f, x, 3, 2);
    x = f.chain(m, &["Conv2d_3b_1x1", "Conv2d_4a_3x3"], x)?;
    x = max_pool(f, x, 3, 2);
    let mixed = ["5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"].map(|n| format!("Mixed_{n}"));
    for name in mixed {
        x = f.child(m, &name, x)?;
    }
    x = f.average(x, 1);
    x = f.flatten(x);
    f.maybe(m, "fc", x)
}

pub(super) const FAMILY: Family =
    Family { name: "inception", members: &["inception_v3"], options: &["transform_input"], build };

fn build(keys: &Keys<'_>, options: &Options) -> Result<Option<Built>> {
    let transform: Option<bool> = options.get("transform_input")?;
    Ok(network(keys, transform))
}

/// The inputs of each block's convolutions: the block's own input (`""`) or the convolution before.
const BLOCKS: &[(&str, &[(&str, &str)])] = &[
    (
        "InceptionA",
        &[
            ("branch1x1", ""),
            ("branch5x5_1", ""),
            ("branch5x5_2", "branch5x5_1"),
            ("branch3x3dbl_1", ""),
            ("branch3x3dbl_2", "branch3x3dbl_1"),
            ("branch3x3dbl_3", "branch3x3dbl_2"),
            ("branch_pool", ""),
        ],
    ),
    (
        "InceptionB",
        &[
            ("branch3x3", ""),
            ("branch3x3dbl_1", ""),
            ("branch3x3dbl_2", "branch3x3dbl_1"),
            ("branch3x3dbl_3", "branch3x3dbl_2"),
        ],
    ),
    (
        "InceptionC",
        &[
            ("branch1x1", ""),
            ("branch7x7_1", ""),
            ("branch7x7_2", "branch7x7_1"),
            ("branch7x7_3", "branch7x7_2"),
            ("branch7x7dbl_1", ""),
            ("branch7x7dbl_2", "branch7x7dbl_1"),
            ("branch7x7dbl_3", "branch7x7dbl_2"),
            ("branch7x7dbl_4", "branch7x7dbl_3"),
            ("branch7x7dbl_5", "branch7x7dbl_4"),
            ("branch_pool", ""),
        ],
    ),
    (
        "InceptionD",
        &[
            ("branch3x3_1", ""),
            ("branch3x3_2", "branch3x3_1"),
            ("branch7x7x3_1", ""),
            ("branch7x7x3_2", "branch7x7x3_1"),
            ("branch7x7x3_3", "branch7x7x3_2"),
            ("branch7x7x3_4", "branch7x7x3_3"),
        ],
    ),
    (
        "InceptionE",
        &[
            ("branch1x1", ""),
            ("branch3x3_1", ""),
            ("branch3x3_2a", "branch3x3_1"),
            ("branch3x3_2b", "branch3x3_1"),
            ("branch3x3dbl_1", ""),
            ("branch3x3dbl_2", "branch3x3dbl_1"),
            ("branch3x3dbl_3a", "branch3x3dbl_2"),
            ("branch3x3dbl_3b", "branch3x3dbl_2"),
            ("branch_pool", ""),
        ],
    ),
];

/// Convolutions that halve the image and are not padded.
const STRIDED: &[(&str, &str)] = &[
    ("InceptionB", "branch3x3"),
    ("InceptionB", "branch3x3dbl_3"),
    ("InceptionD", "branch3x3_2"),
    ("InceptionD", "branch7x7x3_4"),
];

/// Convolutions whose results the block joins, where not only the last of each branch does.
fn joined(class: &str, conv: &str) -> bool {
    let parts = BLOCKS.iter().find(|(c, _)| *c == class).map_or(&[][..], |(_, p)| p);
    !parts.iter().any(|(_, from)| *from == conv)
}

pub(super) fn basic_conv(of: &str, conv: &Conv) -> Module {
    Module::new(format!("{of}.BasicConv2d")).sub("conv", conv.module()).sub("bn", batch_norm(conv.output(), 1e-3))
}

fn network(keys: &Keys<'_>, transform: Option<bool>) -> Option<Built> {
    if !keys.has("Mixed_5b.branch1x1.conv.weight") {
        return None;
    }
    let mut c = 3;
    let mut m =
        Module::new(format!("{MODULE}.Inception3")).with("transform_input", Attr::Bool(transform.unwrap_or(false)));
    for (name, stride, padding) in [
        ("Conv2d_1a_3x3", 2, 0),
        ("Conv2d_2a_3x3", 1, 0),
        ("Conv2d_2b_3x3", 1, 1),
        ("Conv2d_3b_1x1", 1, 0),
        ("Conv2d_4a_3x3", 1, 0),
    ] {
        let conv = Conv::at(keys, &format!("{name}.conv"), c)?.stride(stride).padding(padding);
        c = conv.output();
        m = m.sub(name, basic_conv(MODULE, &conv));
    }
    for name in ["5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"] {
        let class = match name {
            "5b" | "5c" | "5d" => "InceptionA",
            "6a" => "InceptionB",
            "7a" => "InceptionD",
            "7b" | "7c" => "InceptionE",
            _ => "InceptionC",
        };
        m = m.sub(format!("Mixed_{name}"), block(keys, class, &format!("Mixed_{name}"), &mut c)?);
        if name == "6e" && keys.below("AuxLogits") {
            let first = Conv::at(keys, "AuxLogits.conv0.conv", c)?;
            let second = Conv::at(keys, "AuxLogits.conv1.conv", first.output())?.padding(0);
            let aux = Module::new(format!("{MODULE}.InceptionAux"))
                .sub("conv0", basic_conv(MODULE, &first))
                .sub("conv1", basic_conv(MODULE, &second))
                .sub("fc", linear_at(keys, "AuxLogits.fc", second.output())?);
            m = m.sub("AuxLogits", aux);
        }
    }
    let mut notes = Vec::new();
    let fc = head(keys, "fc", c, &mut notes)?;
    let m = m.sub("avgpool", adaptive(1)).sub("fc", fc);
    if transform.is_none() {
        notes.push(TRANSFORM.to_owned());
    }
    let mut built = Built::new("inception_v3", m);
    built.notes = notes;
    Some(built)
}

pub(super) const TRANSFORM: &str = "whether the model transforms its input does not show in the weights: it is taken not to \
    (torchvision's pretrained ones do: `--arch NAME,transform_input=true`)";

fn block(keys: &Keys<'_>, class: &str, at: &str, c: &mut usize) -> Option<Module> {
    let (_, parts) = BLOCKS.iter().find(|(name, _)| *name == class)?;
    let mut m = Module::new(format!("{MODULE}.{class}"));
    let mut outputs: Vec<(&str, usize)> = Vec::new();
    let mut total = if matches!(class, "InceptionB" | "InceptionD") { *c } else { 0 };
    for (name, from) in *parts {
        let input = outputs.iter().find(|(n, _)| n == from).map_or(*c, |(_, c)| *c);
        let mut conv = Conv::at(keys, &format!("{at}.{name}.conv"), input)?;
        if STRIDED.contains(&(class, name)) {
            conv = conv.stride(2).padding(0);
        }
        outputs.push((name, conv.output()));
        if joined(class, name) {
            total = total.checked_add(conv.output())?;
        }
        m = m.sub(*name, basic_conv(MODULE, &conv));
    }
    *c = total;
    Some(m)
}
