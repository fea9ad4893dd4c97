//! How attribute fields of core ops appear as [`Attr`] in the text form.

use super::kinds::*;
use crate::{Attr, CoreGraph, DType, Dim};
use std::collections::BTreeMap;
use std::fmt;

/// Why attributes do not make an op.
#[derive(Clone, Debug, PartialEq)]
pub enum AttrError {
    /// There is no such op.
    UnknownOp(String),
    /// An attribute is required and absent.
    Missing(&'static str),
    /// An attribute has another type than the op declares.
    Wrong(&'static str),
    /// The op has no such attribute.
    Unknown(String),
}

impl fmt::Display for AttrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOp(n) => write!(f, "there is no core op `{n}`"),
            Self::Missing(n) => write!(f, "attribute `{n}` is missing"),
            Self::Wrong(n) => write!(f, "attribute `{n}` has the wrong type"),
            Self::Unknown(n) => write!(f, "there is no attribute `{n}`"),
        }
    }
}

impl std::error::Error for AttrError {}

/// A type that can be a field of a core op.
pub trait AttrField: Sized {
    /// As an attribute value.
    fn to_attr(&self) -> Attr;
    /// From an attribute value of the right type.
    fn from_attr(attr: &Attr) -> Option<Self>;
    /// The value when the attribute is not written; `None` when it is required.
    fn absent() -> Option<Self> {
        None
    }
}

pub(super) fn take<T: AttrField>(attrs: &mut BTreeMap<String, Attr>, name: &'static str) -> Result<T, AttrError> {
    match attrs.remove(name) {
        Some(a) => T::from_attr(&a).ok_or(AttrError::Wrong(name)),
        None => T::absent().ok_or(AttrError::Missing(name)),
    }
}

pub(super) fn finish(attrs: BTreeMap<String, Attr>) -> Result<(), AttrError> {
    attrs.into_keys().next().map_or(Ok(()), |name| Err(AttrError::Unknown(name)))
}

impl AttrField for i64 {
    fn to_attr(&self) -> Attr {
        Attr::Int(*self)
    }
    fn from_attr(attr: &Attr) -> Option<Self> {
        attr.as_int()
    }
}

impl AttrField for usize {
    fn to_attr(&self) -> Attr {
        Attr::Int(*self as i64)
    }
    fn from_attr(attr: &Attr) -> Option<Self> {
        attr.as_int()?.try_into().ok()
    }
}

impl AttrField for f64 {
    fn to_attr(&self) -> Attr {
        Attr::Float(*self)
    }
    fn from_attr(attr: &Attr) -> Option<Self> {
        attr.as_float()
    }
}

impl AttrField for bool {
    fn to_attr(&self) -> Attr {
        Attr::Bool(*self)
    }
    fn from_attr(attr: &Attr) -> Option<Self> {
        attr.as_bool()
    }
    fn absent() -> Option<Self> {
        Some(false)
    }
}

impl AttrField for String {
    fn to_attr(&self) -> Attr {
        Attr::Str(self.clone())
    }
    fn from_attr(attr: &Attr) -> Option<Self> {
        attr.as_str().map(str::to_owned)
    }
}

impl AttrField for DType {
    fn to_attr(&self) -> Attr {
        Attr::DType(*self)
    }
    fn from_attr(attr: &Attr) -> Option<Self> {
        match attr {
            Attr::DType(d) => Some(*d),
            _ => None,
        }
    }
}

impl<T: AttrField> AttrField for Vec<T> {
    fn to_attr(&self) -> Attr {
        Attr::List(self.iter().map(T::to_attr).collect())
    }
    fn from_attr(attr: &Attr) -> Option<Self> {
        attr.as_list()?.iter().map(T::from_attr).collect()
    }
    fn absent() -> Option<Self> {
        Some(Vec::new())
    }
}

impl<T: AttrField> AttrField for Option<T> {
    fn to_attr(&self) -> Attr {
        self.as_ref().map_or(Attr::None, T::to_attr)
    }
    fn from_attr(attr: &Attr) -> Option<Self> {
        if attr.is_none() { Some(None) } else { T::from_attr(attr).map(Some) }
    }
    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl AttrField for BTreeMap<String, Attr> {
    fn to_attr(&self) -> Attr {
        Attr::Map(self.clone())
    }
    fn from_attr(attr: &Attr) -> Option<Self> {
        attr.as_map().cloned()
    }
    fn absent() -> Option<Self> {
        Some(BTreeMap::new())
    }
}

/// A core body stands in the text form as a nested graph; as an [`Attr`] it is carried by its printed text, because
/// [`Attr::Graph`] holds source graphs.
impl AttrField for Box<CoreGraph> {
    fn to_attr(&self) -> Attr {
        Attr::Str(crate::text::print_core(self))
    }
    fn from_attr(attr: &Attr) -> Option<Self> {
        crate::text::parse_core(attr.as_str()?, &mut crate::text::NoConstants).ok().map(Box::new)
    }
}

macro_rules! named_field {
    ($($enum:ident $default:expr;)+) => {$(
        impl AttrField for $enum {
            fn to_attr(&self) -> Attr {
                Attr::Str(self.name().to_owned())
            }
            fn from_attr(attr: &Attr) -> Option<Self> {
                Self::from_name(attr.as_str()?)
            }
            fn absent() -> Option<Self> {
                $default
            }
        }
    )+};
}

named_field! {
    ReduceKind None; ArgKind None; PoolKind None; ResizeMode None;
    DataLayout None; KernelLayout None;
    PadMode Some(PadMode::Constant); ScatterReduction Some(ScatterReduction::None);
    DepthToSpaceMode Some(DepthToSpaceMode::Dcr);
    CoordinateMode Some(CoordinateMode::HalfPixel); NearestMode Some(NearestMode::RoundPreferFloor);
    GridMode Some(GridMode::Linear); GridPadding Some(GridPadding::Zeros); Direction Some(Direction::Forward);
}

impl AttrField for Padding {
    fn to_attr(&self) -> Attr {
        match self {
            Self::SameUpper => Attr::Str("same_upper".into()),
            Self::SameLower => Attr::Str("same_lower".into()),
            Self::Explicit(pads) => {
                Attr::List(pads.iter().map(|&(a, b)| Attr::List(vec![a.to_attr(), b.to_attr()])).collect())
            }
        }
    }
    fn from_attr(attr: &Attr) -> Option<Self> {
        match attr.as_str() {
            Some("same_upper") => return Some(Self::SameUpper),
            Some("same_lower") => return Some(Self::SameLower),
            Some(_) => return None,
            None => {}
        }
        let pair = |a: &Attr| match a.as_list()? {
            [x, y] => Some((usize::from_attr(x)?, usize::from_attr(y)?)),
            _ => None,
        };
        attr.as_list()?.iter().map(pair).collect::<Option<_>>().map(Self::Explicit)
    }
}

impl AttrField for RnnActivation {
    fn to_attr(&self) -> Attr {
        let (name, args): (&str, Vec<f64>) = match self {
            Self::Relu => ("relu", vec![]),
            Self::Tanh => ("tanh", vec![]),
            Self::Sigmoid => ("sigmoid", vec![]),
            Self::Softsign => ("softsign", vec![]),
            Self::Softplus => ("softplus", vec![]),
            Self::Affine(a, b) => ("affine", vec![*a, *b]),
            Self::LeakyRelu(a) => ("leaky_relu", vec![*a]),
            Self::ThresholdedRelu(a) => ("thresholded_relu", vec![*a]),
            Self::ScaledTanh(a, b) => ("scaled_tanh", vec![*a, *b]),
            Self::HardSigmoid(a, b) => ("hard_sigmoid", vec![*a, *b]),
            Self::Elu(a) => ("elu", vec![*a]),
        };
        let mut list = vec![Attr::Str(name.into())];
        list.extend(args.into_iter().map(Attr::Float));
        Attr::List(list)
    }
    fn from_attr(attr: &Attr) -> Option<Self> {
        let (name, args) = attr.as_list()?.split_first()?;
        let args: Vec<f64> = args.iter().map(Attr::as_float).collect::<Option<_>>()?;
        Some(match (name.as_str()?, args.as_slice()) {
            ("relu", []) => Self::Relu,
            ("tanh", []) => Self::Tanh,
            ("sigmoid", []) => Self::Sigmoid,
            ("softsign", []) => Self::Softsign,
            ("softplus", []) => Self::Softplus,
            ("affine", &[a, b]) => Self::Affine(a, b),
            ("leaky_relu", &[a]) => Self::LeakyRelu(a),
            ("thresholded_relu", &[a]) => Self::ThresholdedRelu(a),
            ("scaled_tanh", &[a, b]) => Self::ScaledTanh(a, b),
            ("hard_sigmoid", &[a, b]) => Self::HardSigmoid(a, b),
            ("elu", &[a]) => Self::Elu(a),
            _ => return None,
        })
    }
}

impl AttrField for Dim {
    fn to_attr(&self) -> Attr {
        match self {
            Self::Known(n) => n.to_attr(),
            Self::Symbol(s) => Attr::Str(s.to_string()),
            Self::Unknown => Attr::None,
        }
    }
    fn from_attr(attr: &Attr) -> Option<Self> {
        match attr {
            Attr::None => Some(Self::Unknown),
            Attr::Str(s) => Some(Self::symbol(s)),
            _ => usize::from_attr(attr).map(Self::Known),
        }
    }
}

impl AttrField for CustomResult {
    fn to_attr(&self) -> Attr {
        Attr::List(vec![self.dtype.to_attr(), self.shape.to_attr()])
    }
    fn from_attr(attr: &Attr) -> Option<Self> {
        match attr.as_list()? {
            [dtype, shape] => Some(Self { dtype: DType::from_attr(dtype)?, shape: Vec::<Dim>::from_attr(shape)? }),
            _ => None,
        }
    }
}
