//! The names in a pickle, and what `torch.load` of a version does with each.
//!
//! Owns: the list of `weights_only`, class paths of torchvision, storages by version. Must never know: containers.

use crate::doctor::tables::{self, VisionClass};
use crate::doctor::version::{Version, within};
use modelport_pickle::GlobalRef;

/// What becomes of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is there.
    Known,
    /// A class or function that only the author has: defined in the program itself.
    Program,
    /// A class or function of a package that is not torch.
    Package,
    /// A path in torchvision that this version does not have, with where it has gone.
    Moved(String),
    /// NumPy 2's private package.
    NumPy2,
    /// A storage or dtype that this torch does not have, with the versions that have it.
    Newer(String),
}

/// Packages that stand beside torch and change no paths.
const STABLE: &[&str] = &[
    "torch",
    "collections",
    "builtins",
    "__builtin__",
    "_codecs",
    "copyreg",
    "copy_reg",
    "numpy",
    "argparse",
    "datetime",
    "pathlib",
    "types",
    "functools",
    "typing",
];

/// What becomes of `name` when the whole pickle is loaded.
pub(crate) fn fate(name: &GlobalRef, torch: &Version, torchvision: &Version) -> Fate {
    let module = &*name.module;
    let package = module.split('.').next().unwrap_or_default();
    if module == "__main__" || module == "__mp_main__" {
        return Fate::Program;
    }
    if module == "numpy._core" || module.starts_with("numpy._core.") {
        return Fate::NumPy2;
    }
    if package == "torchvision" {
        return vision(&name.to_string(), torchvision);
    }
    if package == "torch" {
        return storage(&name.to_string(), torch);
    }
    if STABLE.contains(&package) { Fate::Known } else { Fate::Package }
}

/// A class of torchvision; what is outside of the table's scope is taken for known.
fn vision(path: &str, version: &Version) -> Fate {
    let Some(rows) = tables::torchvision().get(path) else { return Fate::Known };
    let there = |c: &&VisionClass| {
        let whole = Version::of(&format!("0.{}.99", version.minor().unwrap_or(0)));
        Version::of(c.first) <= whole && *version <= last(c.last) && !within(c.absent, version)
    };
    if rows.iter().any(|c| there(&c)) {
        return Fate::Known;
    }
    let spans: Vec<_> = rows.iter().map(|c| format!("{} to {}", c.first, c.last)).collect();
    let successor = rows.iter().map(|c| c.successor).find(|s| !s.is_empty()).unwrap_or_default();
    let successor = successor.split("||").next().unwrap_or_default().trim();
    let gone = if successor.is_empty() { String::new() } else { format!("; {successor}") };
    Fate::Moved(format!("torchvision {} had it{gone}", spans.join(", ")))
}

/// The end of the minor version, since the tables have one patch of each.
fn last(version: &str) -> Version {
    let v = Version::of(version);
    Version::of(&format!("{}.{}.99", v.major(), v.minor().unwrap_or(0)))
}

/// Storages, dtypes and rebuild functions that came later.
fn storage(path: &str, torch: &Version) -> Fate {
    let areas = ["storage_class", "storage_new_dtype", "rebuild_function"];
    let mut rows = tables::torch().iter().filter(|f| f.item == path && areas.contains(&f.area)).peekable();
    if rows.peek().is_none() {
        return Fate::Known;
    }
    let spans: Vec<_> = rows.map(|f| f.versions).collect();
    let nearest = super::container::nearest(torch);
    match spans.iter().any(|s| within(s, &nearest)) {
        true => Fate::Known,
        false => Fate::Newer(spans.join(", ")),
    }
}

/// Whether `weights_only=True` takes the name: what stands in the list of that version, and the families that the code
/// adds in loops (torch 2.15 `_weights_only_unpickler.py`, `_get_allowed_globals`).
pub(crate) fn allowed(name: &GlobalRef, torch: &Version) -> bool {
    let path = name.to_string();
    let module = match &*name.module {
        "__builtin__" => "builtins",
        m => m,
    };
    let listed = format!("{module}.{}", name.name);
    let nearest = super::container::nearest(torch);
    let in_list = tables::torch().iter().any(|f| {
        f.area == "weights_only_allowed_global" && (f.item == path || f.item == listed) && within(f.versions, &nearest)
    });
    let short = &*name.name;
    let family = match module {
        "torch" => {
            short.ends_with("Storage")
                || short.ends_with("Tensor")
                || short == "Size"
                || short == "device"
                || DTYPES.contains(&short)
        }
        "torch.storage" => matches!(short, "TypedStorage" | "UntypedStorage" | "_LegacyStorage"),
        "torch.cuda" => short.ends_with("Storage") || short.ends_with("Tensor"),
        "torch._utils" => short.starts_with("_rebuild_"),
        "torch._tensor" => short == "_rebuild_from_type_v2",
        "torch.nn.parameter" => matches!(short, "Parameter" | "UninitializedParameter"),
        "torch.serialization" => short == "_get_layout",
        _ => false,
    };
    in_list || family
}

/// Names of dtypes, of which every version allows all that it has.
const DTYPES: &[&str] = &[
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "bool",
    "complex32",
    "complex64",
    "complex128",
    "qint8",
    "quint8",
    "qint32",
    "quint4x2",
    "quint2x4",
    "float8_e4m3fn",
    "float8_e5m2",
    "float8_e4m3fnuz",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
    "uint16",
    "uint32",
    "uint64",
    "per_tensor_affine",
    "per_channel_affine",
    "per_tensor_symmetric",
    "per_channel_symmetric",
    "per_channel_affine_float_qparams",
];
