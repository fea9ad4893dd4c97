//! Element types of the format and how they map to ours.

use modelport_ir::DType;

macro_rules! elements {
    ($($name:ident $text:literal $bits:literal $ours:expr;)+) => {
        /// An element type, in the order of the reference implementation: tensors are written from the last to the first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Element { $(#[doc = concat!("`", $text, "`")] $name),+ }

        impl Element {
            /// Every element type.
            pub const ALL: &[Element] = &[$(Element::$name),+];

            /// The name in a header.
            pub fn name(self) -> &'static str {
                match self { $(Element::$name => $text),+ }
            }

            /// Bits an element.
            pub fn bits(self) -> usize {
                match self { $(Element::$name => $bits),+ }
            }

            /// The type of ours, for those that modelport computes with.
            pub fn dtype(self) -> Option<DType> {
                match self { $(Element::$name => $ours),+ }
            }
        }
    };
}

elements! {
    Bool "BOOL" 8 Some(DType::Bool);
    F4 "F4" 4 None;
    F6E2M3 "F6_E2M3" 6 None;
    F6E3M2 "F6_E3M2" 6 None;
    U8 "U8" 8 Some(DType::U8);
    I8 "I8" 8 Some(DType::I8);
    F8E5M2 "F8_E5M2" 8 Some(DType::F8E5M2);
    F8E4M3 "F8_E4M3" 8 Some(DType::F8E4M3);
    F8E8M0 "F8_E8M0" 8 None;
    F8E4M3Fnuz "F8_E4M3FNUZ" 8 None;
    F8E5M2Fnuz "F8_E5M2FNUZ" 8 None;
    I16 "I16" 16 Some(DType::I16);
    U16 "U16" 16 Some(DType::U16);
    F16 "F16" 16 Some(DType::F16);
    BF16 "BF16" 16 Some(DType::BF16);
    I32 "I32" 32 Some(DType::I32);
    U32 "U32" 32 Some(DType::U32);
    F32 "F32" 32 Some(DType::F32);
    C64 "C64" 64 Some(DType::C64);
    F64 "F64" 64 Some(DType::F64);
    I64 "I64" 64 Some(DType::I64);
    U64 "U64" 64 Some(DType::U64);
}

impl Element {
    /// The element type with this name in a header.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|e| e.name() == name)
    }

    /// How a type of ours is stored; strings and complex numbers of two doubles are not.
    pub fn of(dtype: DType) -> Option<Self> {
        Self::ALL.iter().copied().find(|e| e.dtype() == Some(dtype))
    }

    /// Bytes of a tensor of this type; `None` when that overflows or ends inside a byte.
    pub fn byte_len(self, shape: &[u64]) -> Option<u64> {
        let elements = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d))?;
        let bits = elements.checked_mul(self.bits() as u64)?;
        bits.is_multiple_of(8).then_some(bits / 8)
    }
}
