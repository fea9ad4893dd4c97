//! The tables of facts on framework versions, parsed once. `xtask/python/doctor_tables.py` makes them.
//!
//! Owns: the files in `data/` and their lookup. Must never know: what follows from a fact.

use super::version::{Version, within};
use std::collections::HashMap;
use std::sync::OnceLock;

/// What Keras' layer classes accept, by product and version.
#[derive(Debug, Default)]
pub(crate) struct Keras {
    covered: HashMap<&'static str, &'static str>,
    /// By product, then by class.
    classes: HashMap<&'static str, HashMap<&'static str, Class>>,
    /// By product, then by name: the versions that have it.
    activations: HashMap<&'static str, HashMap<&'static str, &'static str>>,
}

/// One class of one product.
#[derive(Debug)]
pub(crate) struct Class {
    /// Whether `keras.layers` exports it.
    pub(crate) public: bool,
    exists: &'static str,
    takes_kwargs: &'static str,
    own_from_config: &'static str,
    open: &'static str,
    keys: HashMap<&'static str, &'static str>,
}

impl Keras {
    /// The versions of a product that the tables cover.
    pub(crate) fn covered(&self, product: &str) -> impl Iterator<Item = &'static str> + Clone + use<> {
        self.covered.get(product).copied().unwrap_or_default().split(' ').filter(|v| !v.is_empty())
    }

    /// A class, when it exists in that version.
    pub(crate) fn class(&self, product: &str, name: &str, version: &Version) -> Option<&Class> {
        self.any_version(product, name).filter(|c| within(c.exists, version))
    }

    /// A class of a product, whatever the version.
    pub(crate) fn any_version(&self, product: &str, name: &str) -> Option<&Class> {
        self.classes.get(product)?.get(name)
    }

    /// Whether a version has an activation; `None` when no version of any Keras has it.
    pub(crate) fn activation(&self, product: &str, name: &str, version: &Version) -> Option<bool> {
        let has = |p: &str| self.activations.get(p)?.get(name).copied();
        match has(product) {
            Some(ranges) => Some(within(ranges, version)),
            None => ["keras", "tf_keras", "tf.keras"].into_iter().any(|p| has(p).is_some()).then_some(false),
        }
    }

    /// Whether any product or version has that class.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.classes.values().any(|classes| classes.contains_key(name))
    }
}

impl Class {
    /// Whether `__init__` accepts the key in that version, or might.
    pub(crate) fn accepts(&self, key: &str, version: &Version) -> bool {
        if within(self.open, version) {
            return true;
        }
        self.keys.get(key).is_some_and(|ranges| ranges.is_empty() || within(ranges, version))
    }

    /// Whether `__init__` ends in `**kwargs`.
    pub(crate) fn takes_kwargs(&self, version: &Version) -> bool {
        within(self.takes_kwargs, version)
    }

    /// Whether the class has a `from_config` of its own, which does not wrap exceptions.
    pub(crate) fn own_from_config(&self, version: &Version) -> bool {
        within(self.own_from_config, version)
    }

    /// The versions that have the class.
    pub(crate) fn exists(&self) -> &'static str {
        self.exists
    }
}

fn lines(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).map(|l| l.split('\t').collect())
}

fn cell(row: &[&'static str], i: usize) -> &'static str {
    row.get(i).copied().unwrap_or_default()
}

/// The table of Keras' layers.
pub(crate) fn keras() -> &'static Keras {
    static TABLE: OnceLock<Keras> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Keras::default();
        for row in lines(include_str!("data/keras.tsv")) {
            match cell(&row, 0) {
                "covered" => {
                    table.covered.insert(cell(&row, 1), cell(&row, 2));
                    continue;
                }
                "activation" => {
                    table.activations.entry(cell(&row, 1)).or_default().insert(cell(&row, 2), cell(&row, 3));
                    continue;
                }
                _ => {}
            }
            let keys = cell(&row, 7).split(' ').filter(|k| !k.is_empty());
            let class = Class {
                public: cell(&row, 2) == "public",
                exists: cell(&row, 3),
                takes_kwargs: cell(&row, 4),
                own_from_config: cell(&row, 5),
                open: cell(&row, 6),
                keys: keys.map(|k| k.split_once(':').unwrap_or((k, ""))).collect(),
            };
            table.classes.entry(cell(&row, 0)).or_default().insert(cell(&row, 1), class);
        }
        table
    })
}

/// A row of facts on torch's formats.
#[derive(Debug)]
pub(crate) struct TorchFact {
    pub(crate) area: &'static str,
    pub(crate) item: &'static str,
    pub(crate) value: &'static str,
    pub(crate) versions: &'static str,
}

/// The table of torch's formats.
pub(crate) fn torch() -> &'static [TorchFact] {
    static TABLE: OnceLock<Vec<TorchFact>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let fact = |r: Vec<&'static str>| TorchFact {
            area: cell(&r, 0),
            item: cell(&r, 1),
            value: cell(&r, 2),
            versions: cell(&r, 3),
        };
        lines(include_str!("data/torch.tsv")).map(fact).collect()
    })
}

/// A class path of torchvision.
#[derive(Debug)]
pub(crate) struct VisionClass {
    pub(crate) first: &'static str,
    pub(crate) last: &'static str,
    pub(crate) absent: &'static str,
    pub(crate) successor: &'static str,
}

/// Class paths of torchvision.
pub(crate) fn torchvision() -> &'static HashMap<&'static str, Vec<VisionClass>> {
    static TABLE: OnceLock<HashMap<&'static str, Vec<VisionClass>>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table: HashMap<_, Vec<_>> = HashMap::new();
        for r in lines(include_str!("data/torchvision.tsv")) {
            let class =
                VisionClass { first: cell(&r, 1), last: cell(&r, 2), absent: cell(&r, 3), successor: cell(&r, 5) };
            table.entry(cell(&r, 0)).or_default().push(class);
        }
        table
    })
}

/// An op of TensorFlow.
#[derive(Debug)]
pub(crate) struct TensorFlowOp {
    pub(crate) first: &'static str,
    pub(crate) last: &'static str,
    pub(crate) contrib: bool,
    /// Attributes that came later: name, version, default.
    pub(crate) later: Vec<(&'static str, &'static str, &'static str)>,
}

/// TensorFlow's ops and releases.
#[derive(Debug, Default)]
pub(crate) struct TensorFlow {
    /// Release and the `producer` that its graphs carry.
    pub(crate) releases: Vec<(&'static str, u64)>,
    pub(crate) ops: HashMap<&'static str, TensorFlowOp>,
}

/// The table of TensorFlow's ops.
pub(crate) fn tensorflow() -> &'static TensorFlow {
    static TABLE: OnceLock<TensorFlow> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = TensorFlow::default();
        for r in lines(include_str!("data/tensorflow.tsv")) {
            if cell(&r, 0) == "version" {
                table.releases.push((cell(&r, 1), cell(&r, 2).parse().unwrap_or(0)));
                continue;
            }
            let later = cell(&r, 5).split(' ').filter_map(|a| {
                let (name, rest) = a.split_once(':')?;
                let (version, default) = rest.split_once('=')?;
                Some((name, version, default))
            });
            let op = TensorFlowOp {
                first: cell(&r, 1),
                last: cell(&r, 2),
                contrib: cell(&r, 4) == "contrib",
                later: later.collect(),
            };
            table.ops.insert(cell(&r, 0), op);
        }
        table
    })
}

/// What a release of onnxruntime or onnx runs or writes.
#[derive(Debug)]
pub(crate) struct OnnxRelease {
    pub(crate) version: &'static str,
    pub(crate) opset: i64,
    pub(crate) ml_opset: i64,
    pub(crate) ir_version: i64,
}

/// Releases of `product`, `onnxruntime` or `onnx`, in the order of the table.
pub(crate) fn onnx(product: &str) -> Vec<OnnxRelease> {
    let number = |r: &[&'static str], i| cell(r, i).parse().unwrap_or(0);
    lines(include_str!("data/onnx.tsv"))
        .filter(|r| cell(r, 0) == product)
        .map(|r| OnnxRelease {
            version: cell(&r, 1),
            opset: number(&r, 2),
            ml_opset: number(&r, 3),
            ir_version: number(&r, 4),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_answer_what_is_measured() {
        let v = |t: &str| Version::parse(t).unwrap();
        let k = keras();
        let depthwise = k.class("keras", "DepthwiseConv2D", &v("3.15.1")).unwrap();
        assert!(!depthwise.accepts("groups", &v("3.15.1")) && depthwise.accepts("groups", &v("2.15.0")));
        assert!(k.class("keras", "ThresholdedReLU", &v("3.15.1")).is_none());
        assert!(k.covered("keras").count() > 30);
        assert!(torch().iter().any(|f| f.item == "collections.OrderedDict"));
        assert!(torchvision().contains_key("torchvision.models.mobilenet.ConvBNReLU"));
        assert_eq!(tensorflow().ops["AddV2"].first, "1.8.0");
        assert!(tensorflow().releases.contains(&("2.1.0", 175)));
        assert_eq!(onnx("onnxruntime").iter().find(|r| r.version == "1.16").unwrap().opset, 19);
    }
}
