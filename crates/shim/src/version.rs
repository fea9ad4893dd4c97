//! Which version wrote a graph. Owns: reading version strings, and guessing the major version from spelling where the
//! file does not say.

use modelport_ir::{Attr, Dialect, SourceGraph, SourceOp};

/// Major, minor, patch.
pub(crate) type Version = (u32, u32, u32);

/// Versions from the first (inclusive) to the second (exclusive).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range(pub(crate) Version, pub(crate) Version);

/// Every version.
pub(crate) const ANY: Range = Range((0, 0, 0), (u32::MAX, 0, 0));
/// Keras 1.
pub(crate) const KERAS_1: Range = Range((0, 0, 0), (2, 0, 0));
/// All before Keras 3.
pub(crate) const BEFORE_3: Range = Range((0, 0, 0), (3, 0, 0));

impl Range {
    pub(crate) fn contains(self, version: Version) -> bool {
        self.0 <= version && version < self.1
    }
}

/// Who wrote the file.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    pub(crate) version: Version,
    /// For the user: `Keras 2.2.4-tf`.
    pub(crate) name: String,
    /// Keras inside TensorFlow.
    pub(crate) tensorflow: bool,
    /// The backend that computed (`theano`), where the file says so.
    pub(crate) backend: Option<String>,
    /// Where the channels of images are, in the spelling of today, when all layers that say it agree.
    pub(crate) image_order: Option<&'static str>,
}

impl Writer {
    pub(crate) fn of(graph: &SourceGraph) -> Self {
        if graph.provenance.framework == "tensorflow" {
            return Self::of_tensorflow(graph);
        }
        let text = graph.provenance.version.as_deref();
        let version = text.and_then(parse).unwrap_or_else(|| guess(graph));
        let tensorflow = graph.provenance.framework == "tf.keras" || text.is_some_and(|t| t.ends_with("-tf"));
        let product = if tensorflow { "tf.keras" } else { "Keras" };
        let name = match text {
            Some(text) => format!("{product} {text}"),
            None => format!("{product} {}", version.0),
        };
        Self {
            version,
            name,
            tensorflow,
            backend: graph.provenance.details.get("backend").cloned(),
            image_order: image_order(graph),
        }
    }
}

/// A graph that does not say its producer is taken for a new one.
const NEW_PRODUCER: u32 = u32::MAX - 1;

impl Writer {
    /// Ops of TensorFlow go by the version of the graph, its producer.
    fn of_tensorflow(graph: &SourceGraph) -> Self {
        let producer = graph.provenance.details.get("producer").and_then(|p| p.parse().ok()).filter(|p| *p > 0);
        let name = match (producer, &graph.provenance.version) {
            (_, Some(version)) => format!("TensorFlow {version}"),
            (Some(p), None) => format!("TensorFlow (graph version {p})"),
            (None, None) => "TensorFlow".to_owned(),
        };
        Self {
            version: (producer.unwrap_or(NEW_PRODUCER), 0, 0),
            name,
            tensorflow: true,
            backend: None,
            image_order: None,
        }
    }
}

/// `2.2.4-tf` → (2, 2, 4); what is missing is 0.
pub(crate) fn parse(text: &str) -> Option<Version> {
    let mut parts = text.trim().split('.').map(|p| {
        let digits = p.find(|c: char| !c.is_ascii_digit()).unwrap_or(p.len());
        p.get(..digits).and_then(|d| d.parse::<u32>().ok())
    });
    let major = parts.next()??;
    Some((major, parts.next().flatten().unwrap_or(0), parts.next().flatten().unwrap_or(0)))
}

/// Arguments that only Keras 1 had.
const KERAS_1_ARGUMENTS: &[&str] = &[
    "nb_filter",
    "border_mode",
    "dim_ordering",
    "inner_activation",
    "inner_init",
    "W_regularizer",
    "b_regularizer",
    "forget_bias_init",
    "consume_less",
    "init",
];

/// Where no version stands in the file (an architecture JSON cut out of something): Keras 1 by its arguments, Keras 3
/// by the `DTypePolicy` that it gives every layer, else Keras 2.
fn guess(graph: &SourceGraph) -> Version {
    let keras = || graph.nodes().iter().map(|n| &n.op).filter(|op| op.dialect == Dialect::Keras);
    if keras().any(is_keras_1) {
        (1, 2, 2)
    } else if keras().any(is_keras_3) {
        (3, 0, 0)
    } else {
        (2, 15, 0)
    }
}

fn image_order(graph: &SourceGraph) -> Option<&'static str> {
    let said = |op: &SourceOp| match op.attr("dim_ordering").or_else(|| op.attr("data_format"))?.as_str()? {
        "th" | "channels_first" => Some("channels_first"),
        "tf" | "channels_last" => Some("channels_last"),
        _ => None,
    };
    let mut orders = graph.nodes().iter().filter_map(|n| said(&n.op));
    let first = orders.next()?;
    orders.all(|o| o == first).then_some(first)
}

fn is_keras_1(op: &SourceOp) -> bool {
    KERAS_1_ARGUMENTS.iter().any(|a| op.attrs.contains_key(*a))
}

fn is_keras_3(op: &SourceOp) -> bool {
    let class = op.attrs.get("dtype").and_then(Attr::as_map).and_then(|m| m.get("class_name")).and_then(Attr::as_str);
    class == Some("DTypePolicy")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(parse("2.2.4-tf"), Some((2, 2, 4)));
        assert_eq!(parse("3.15.0.dev2026"), Some((3, 15, 0)));
        assert_eq!(parse("1.2"), Some((1, 2, 0)));
        assert_eq!(parse("3"), Some((3, 0, 0)));
        assert_eq!(parse("2.13.1rc0"), Some((2, 13, 1)));
        assert_eq!(parse(""), None);
        assert_eq!(parse("git"), None);
        assert_eq!(parse("99999999999.1"), None);
    }

    #[test]
    fn ranges_end_before_their_end() {
        assert!(KERAS_1.contains((1, 2, 2)) && !KERAS_1.contains((2, 0, 0)));
        assert!(BEFORE_3.contains((2, 15, 0)) && !BEFORE_3.contains((3, 0, 0)));
    }
}
