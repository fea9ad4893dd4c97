//! Element types.

use std::fmt;

macro_rules! dtypes {
    ($($(#[$doc:meta])* $name:ident $text:literal $bytes:literal;)+) => {
        /// The type of a tensor's elements.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        pub enum DType { $($(#[$doc])* $name),+ }

        impl DType {
            /// Every element type.
            pub const ALL: &[DType] = &[$(DType::$name),+];

            /// The name in the text form: `f32`, `i64`, `bool`.
            pub fn name(self) -> &'static str {
                match self { $(DType::$name => $text),+ }
            }

            /// Bytes an element; 0 for strings, whose length differs.
            pub fn size(self) -> usize {
                match self { $(DType::$name => $bytes),+ }
            }
        }
    };
}

dtypes! {
    /// IEEE 754 binary32.
    F32 "f32" 4;
    /// IEEE 754 binary64.
    F64 "f64" 8;
    /// IEEE 754 binary16.
    F16 "f16" 2;
    /// bfloat16: the upper half of a binary32.
    BF16 "bf16" 2;
    /// Signed, 8 bits.
    I8 "i8" 1;
    /// Signed, 16 bits.
    I16 "i16" 2;
    /// Signed, 32 bits.
    I32 "i32" 4;
    /// Signed, 64 bits.
    I64 "i64" 8;
    /// Unsigned, 8 bits.
    U8 "u8" 1;
    /// Unsigned, 16 bits.
    U16 "u16" 2;
    /// Unsigned, 32 bits.
    U32 "u32" 4;
    /// Unsigned, 64 bits.
    U64 "u64" 8;
    /// One byte, 0 or 1.
    Bool "bool" 1;
    /// 8-bit float, 4 exponent and 3 mantissa bits, finite only with NaN (OCP E4M3FN).
    F8E4M3 "f8e4m3" 1;
    /// 8-bit float, 5 exponent and 2 mantissa bits (OCP E5M2).
    F8E5M2 "f8e5m2" 1;
    /// Complex of two binary32.
    C64 "c64" 8;
    /// Complex of two binary64.
    C128 "c128" 16;
    /// A byte string; stored as strings, not as fixed-size elements.
    Str "str" 0;
}

impl DType {
    /// The element type with this [`DType::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|d| d.name() == name)
    }

    /// Whether it is a real floating-point type.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64 | Self::F16 | Self::BF16 | Self::F8E4M3 | Self::F8E5M2)
    }

    /// Whether it is an integer type (`bool` is not).
    pub fn is_int(self) -> bool {
        self.is_signed_int() || matches!(self, Self::U8 | Self::U16 | Self::U32 | Self::U64)
    }

    /// Whether it is a signed integer type.
    pub fn is_signed_int(self) -> bool {
        matches!(self, Self::I8 | Self::I16 | Self::I32 | Self::I64)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
