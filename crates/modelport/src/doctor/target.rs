//! The framework and version that a file should load in: `keras==3.15`, `torch==1.4`.
//!
//! Owns: parsing, the newest version of each product, which Keras a TensorFlow brings. Must never know: files.

use super::tables;
use super::version::{self, Version};
use modelport_diag::{Code, Diagnostic, Result};
use std::fmt;

/// A framework that loads files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Product {
    /// The package `keras`.
    Keras,
    /// The package `tf_keras`: Keras 2 for TensorFlow 2.16 and later.
    TfKeras,
    /// TensorFlow, with the Keras that it brings.
    TensorFlow,
    /// PyTorch.
    Torch,
    /// torchvision, with the PyTorch of its time.
    Torchvision,
    /// ONNX Runtime.
    OnnxRuntime,
    /// The Python package `safetensors`.
    Safetensors,
}

impl Product {
    const ALL: &'static [(&'static str, Self)] = &[
        ("keras", Self::Keras),
        ("tf_keras", Self::TfKeras),
        ("tf-keras", Self::TfKeras),
        ("tensorflow", Self::TensorFlow),
        ("tf", Self::TensorFlow),
        ("torch", Self::Torch),
        ("pytorch", Self::Torch),
        ("torchvision", Self::Torchvision),
        ("onnxruntime", Self::OnnxRuntime),
        ("safetensors", Self::Safetensors),
    ];

    /// The package's name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, p)| *p == self).map_or("", |(name, _)| name)
    }

    /// The newest version that the tables cover.
    fn newest(self) -> &'static str {
        match self {
            Self::Keras => "3.15.1",
            Self::TfKeras | Self::TensorFlow => "2.21.0",
            Self::Torch => "2.15.0",
            Self::Torchvision => "0.29.0",
            // The newest release; the table that is known ends before it, see `onnx`.
            Self::OnnxRuntime => "1.32",
            Self::Safetensors => "0.6",
        }
    }
}

/// A product at a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Which framework.
    pub product: Product,
    pub(crate) version: Version,
}

impl Target {
    /// Reads `keras==3.15`, `keras=3.15` or `keras`, which means the newest.
    ///
    /// # Errors
    /// `US0001` when the product is unknown or the version is none.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, version) = text.split_once('=').unwrap_or((text, ""));
        let version = version.trim_start_matches('=').trim();
        let known = Product::ALL.iter().find(|(n, _)| n.eq_ignore_ascii_case(name.trim()));
        let wrong = |message: String| {
            let names: Vec<_> = Product::ALL.iter().map(|(n, _)| *n).collect();
            Diagnostic::error(Code::USAGE, message)
                .expected(format!("PRODUCT==VERSION, where PRODUCT is one of {}", names.join(", ")))
        };
        let (_, product) = known.ok_or_else(|| wrong(format!("`{name}` is no framework that files are loaded in")))?;
        if version.is_empty() {
            return Ok(Self::newest(*product));
        }
        let version = Version::parse(version).ok_or_else(|| wrong(format!("`{version}` is no version")))?;
        Ok(Self { product: *product, version })
    }

    /// The newest version of a product.
    pub(crate) fn newest(product: Product) -> Self {
        Self { product, version: Version::of(product.newest()) }
    }

    /// The product and version as the tables know them: which package's Keras it is, and its nearest covered version.
    pub(crate) fn keras(&self) -> (&'static str, Version) {
        let v = &self.version;
        let product = match self.product {
            Product::TfKeras => "tf_keras",
            Product::TensorFlow if v.before("2.6") => "tf.keras",
            // Keras 2.4 only forwards to the Keras inside TensorFlow, and 2.5 was never released by itself.
            Product::Keras if !v.before("2.4") && v.before("2.6") => "tf.keras",
            _ => "keras",
        };
        // TensorFlow 2.16 and later take the newest Keras 3 that is installed.
        let wanted = match self.product {
            Product::TensorFlow if !v.before("2.16") => Self::newest(Product::Keras).version,
            _ => v.clone(),
        };
        let covered = tables::keras().covered(product);
        (product, version::nearest(covered, &wanted).unwrap_or(wanted))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.product.name(), self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_pip_writes_them() {
        let t = Target::parse("keras==3.15").unwrap();
        assert_eq!((t.product, t.to_string().as_str()), (Product::Keras, "keras 3.15"));
        assert_eq!(Target::parse("torch").unwrap().to_string(), "torch 2.15.0");
        assert!(Target::parse("caffe==1").is_err() && Target::parse("torch==new").is_err());
    }

    #[test]
    fn a_tensorflow_brings_its_keras() {
        let keras = |t: &str| {
            let (product, version) = Target::parse(t).unwrap().keras();
            (product, version.to_string())
        };
        assert_eq!(keras("tensorflow==2.1"), ("tf.keras", "2.1.0".into()));
        assert_eq!(keras("tensorflow==2.13"), ("keras", "2.13.1".into()));
        assert_eq!(keras("tensorflow==2.17"), ("keras", "3.15.1".into()));
        assert_eq!(keras("keras==2.4.3"), ("tf.keras", "2.4.0".into()));
        assert_eq!(keras("keras==3.15"), ("keras", "3.15.1".into()));
    }
}
