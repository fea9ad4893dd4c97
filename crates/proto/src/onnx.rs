// Generated from /proto by `cargo xtask codegen`. Not to be edited: change the .proto and run it again.

/// A whole file.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ModelProto {
    /// Which revision of this schema the file follows.
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    /// Operator sets that the nodes refer to; the empty domain is ONNX itself.
    #[prost(message, repeated, tag = "8")]
    pub opset_import: ::prost::alloc::vec::Vec<OperatorSetIdProto>,
    /// Name of the tool that wrote the file.
    #[prost(string, tag = "2")]
    pub producer_name: ::prost::alloc::string::String,
    /// Version of the tool that wrote the file.
    #[prost(string, tag = "3")]
    pub producer_version: ::prost::alloc::string::String,
    /// Reverse-DNS name of the model's namespace.
    #[prost(string, tag = "4")]
    pub domain: ::prost::alloc::string::String,
    /// Version of the model itself.
    #[prost(int64, tag = "5")]
    pub model_version: i64,
    /// Free text.
    #[prost(string, tag = "6")]
    pub doc_string: ::prost::alloc::string::String,
    /// What is computed.
    #[prost(message, optional, tag = "7")]
    pub graph: ::core::option::Option<GraphProto>,
    /// Free key/value pairs.
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: ::prost::alloc::vec::Vec<StringStringEntryProto>,
    /// Functions local to the model, called by `domain`, `name` and `overload`.
    #[prost(message, repeated, tag = "25")]
    pub functions: ::prost::alloc::vec::Vec<FunctionProto>,
}
/// One entry of a key/value list.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct StringStringEntryProto {
    /// The key.
    #[prost(string, tag = "1")]
    pub key: ::prost::alloc::string::String,
    /// The value.
    #[prost(string, tag = "2")]
    pub value: ::prost::alloc::string::String,
}
/// An operator set that a model or function imports.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct OperatorSetIdProto {
    /// Domain of the set; empty for ONNX itself.
    #[prost(string, tag = "1")]
    pub domain: ::prost::alloc::string::String,
    /// Version of the set.
    #[prost(int64, tag = "2")]
    pub version: i64,
}
/// Nodes in topological order with the values that enter and leave.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct GraphProto {
    /// The nodes, topologically sorted.
    #[prost(message, repeated, tag = "1")]
    pub node: ::prost::alloc::vec::Vec<NodeProto>,
    /// Name of the graph; must not be empty in a model.
    #[prost(string, tag = "2")]
    pub name: ::prost::alloc::string::String,
    /// Named constants; since IR version 4 they need not be inputs.
    #[prost(message, repeated, tag = "5")]
    pub initializer: ::prost::alloc::vec::Vec<TensorProto>,
    /// Named constants in sparse form.
    #[prost(message, repeated, tag = "15")]
    pub sparse_initializer: ::prost::alloc::vec::Vec<SparseTensorProto>,
    /// Free text.
    #[prost(string, tag = "10")]
    pub doc_string: ::prost::alloc::string::String,
    /// Values that enter.
    #[prost(message, repeated, tag = "11")]
    pub input: ::prost::alloc::vec::Vec<ValueInfoProto>,
    /// Values that leave.
    #[prost(message, repeated, tag = "12")]
    pub output: ::prost::alloc::vec::Vec<ValueInfoProto>,
    /// Types of values in between; optional knowledge.
    #[prost(message, repeated, tag = "13")]
    pub value_info: ::prost::alloc::vec::Vec<ValueInfoProto>,
    /// Free key/value pairs.
    #[prost(message, repeated, tag = "16")]
    pub metadata_props: ::prost::alloc::vec::Vec<StringStringEntryProto>,
}
/// One call of an operator or function.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct NodeProto {
    /// Value names; an empty name is an omitted optional input.
    #[prost(string, repeated, tag = "1")]
    pub input: ::prost::alloc::vec::Vec<::prost::alloc::string::String>,
    /// Value names; an empty name is an omitted optional output.
    #[prost(string, repeated, tag = "2")]
    pub output: ::prost::alloc::vec::Vec<::prost::alloc::string::String>,
    /// Name of the node; optional.
    #[prost(string, tag = "3")]
    pub name: ::prost::alloc::string::String,
    /// Name of the operator or function.
    #[prost(string, tag = "4")]
    pub op_type: ::prost::alloc::string::String,
    /// Domain of the operator; empty for ONNX itself.
    #[prost(string, tag = "7")]
    pub domain: ::prost::alloc::string::String,
    /// Picks one of several functions with the same name (IR version 10).
    #[prost(string, tag = "8")]
    pub overload: ::prost::alloc::string::String,
    /// Named attributes.
    #[prost(message, repeated, tag = "5")]
    pub attribute: ::prost::alloc::vec::Vec<AttributeProto>,
    /// Free text.
    #[prost(string, tag = "6")]
    pub doc_string: ::prost::alloc::string::String,
    /// Free key/value pairs.
    #[prost(message, repeated, tag = "9")]
    pub metadata_props: ::prost::alloc::vec::Vec<StringStringEntryProto>,
}
/// A named attribute of a node: exactly one of the value fields, told by `type`.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct AttributeProto {
    /// Name of the attribute.
    #[prost(string, tag = "1")]
    pub name: ::prost::alloc::string::String,
    /// Inside a function: the attribute of the function whose value is taken.
    #[prost(string, tag = "21")]
    pub ref_attr_name: ::prost::alloc::string::String,
    /// Free text.
    #[prost(string, tag = "13")]
    pub doc_string: ::prost::alloc::string::String,
    /// Which value field is in use.
    #[prost(enumeration = "attribute_proto::AttributeType", tag = "20")]
    pub r#type: i32,
    /// A float.
    #[prost(float, optional, tag = "2")]
    pub f: ::core::option::Option<f32>,
    /// An integer.
    #[prost(int64, optional, tag = "3")]
    pub i: ::core::option::Option<i64>,
    /// UTF-8 text or bytes.
    #[prost(bytes = "vec", optional, tag = "4")]
    pub s: ::core::option::Option<::prost::alloc::vec::Vec<u8>>,
    /// A tensor.
    #[prost(message, optional, tag = "5")]
    pub t: ::core::option::Option<TensorProto>,
    /// A subgraph.
    #[prost(message, optional, tag = "6")]
    pub g: ::core::option::Option<GraphProto>,
    /// A sparse tensor.
    #[prost(message, optional, tag = "22")]
    pub sparse_tensor: ::core::option::Option<SparseTensorProto>,
    /// A type.
    #[prost(message, optional, tag = "14")]
    pub tp: ::core::option::Option<TypeProto>,
    /// Floats.
    #[prost(float, repeated, tag = "7")]
    pub floats: ::prost::alloc::vec::Vec<f32>,
    /// Integers.
    #[prost(int64, repeated, tag = "8")]
    pub ints: ::prost::alloc::vec::Vec<i64>,
    /// Texts or byte strings.
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub strings: ::prost::alloc::vec::Vec<::prost::alloc::vec::Vec<u8>>,
    /// Tensors.
    #[prost(message, repeated, tag = "10")]
    pub tensors: ::prost::alloc::vec::Vec<TensorProto>,
    /// Subgraphs.
    #[prost(message, repeated, tag = "11")]
    pub graphs: ::prost::alloc::vec::Vec<GraphProto>,
    /// Sparse tensors.
    #[prost(message, repeated, tag = "23")]
    pub sparse_tensors: ::prost::alloc::vec::Vec<SparseTensorProto>,
    /// Types.
    #[prost(message, repeated, tag = "15")]
    pub type_protos: ::prost::alloc::vec::Vec<TypeProto>,
}
/// Nested message and enum types in `AttributeProto`.
pub mod attribute_proto {
    /// Which value field is in use.
    #[derive(
        Clone,
        Copy,
        Debug,
        PartialEq,
        Eq,
        Hash,
        PartialOrd,
        Ord,
        ::prost::Enumeration
    )]
    #[repr(i32)]
    pub enum AttributeType {
        /// Files older than IR version 2 do not say.
        Undefined = 0,
        /// `f`
        Float = 1,
        /// `i`
        Int = 2,
        /// `s`
        String = 3,
        /// `t`
        Tensor = 4,
        /// `g`
        Graph = 5,
        /// `floats`
        Floats = 6,
        /// `ints`
        Ints = 7,
        /// `strings`
        Strings = 8,
        /// `tensors`
        Tensors = 9,
        /// `graphs`
        Graphs = 10,
        /// `sparse_tensor`
        SparseTensor = 11,
        /// `sparse_tensors`
        SparseTensors = 12,
        /// `tp`
        TypeProto = 13,
        /// `type_protos`
        TypeProtos = 14,
    }
    impl AttributeType {
        /// String value of the enum field names used in the ProtoBuf definition.
        ///
        /// The values are not transformed in any way and thus are considered stable
        /// (if the ProtoBuf definition does not change) and safe for programmatic use.
        pub fn as_str_name(&self) -> &'static str {
            match self {
                Self::Undefined => "UNDEFINED",
                Self::Float => "FLOAT",
                Self::Int => "INT",
                Self::String => "STRING",
                Self::Tensor => "TENSOR",
                Self::Graph => "GRAPH",
                Self::Floats => "FLOATS",
                Self::Ints => "INTS",
                Self::Strings => "STRINGS",
                Self::Tensors => "TENSORS",
                Self::Graphs => "GRAPHS",
                Self::SparseTensor => "SPARSE_TENSOR",
                Self::SparseTensors => "SPARSE_TENSORS",
                Self::TypeProto => "TYPE_PROTO",
                Self::TypeProtos => "TYPE_PROTOS",
            }
        }
        /// Creates an enum from field names used in the ProtoBuf definition.
        pub fn from_str_name(value: &str) -> ::core::option::Option<Self> {
            match value {
                "UNDEFINED" => Some(Self::Undefined),
                "FLOAT" => Some(Self::Float),
                "INT" => Some(Self::Int),
                "STRING" => Some(Self::String),
                "TENSOR" => Some(Self::Tensor),
                "GRAPH" => Some(Self::Graph),
                "FLOATS" => Some(Self::Floats),
                "INTS" => Some(Self::Ints),
                "STRINGS" => Some(Self::Strings),
                "TENSORS" => Some(Self::Tensors),
                "GRAPHS" => Some(Self::Graphs),
                "SPARSE_TENSOR" => Some(Self::SparseTensor),
                "SPARSE_TENSORS" => Some(Self::SparseTensors),
                "TYPE_PROTO" => Some(Self::TypeProto),
                "TYPE_PROTOS" => Some(Self::TypeProtos),
                _ => None,
            }
        }
    }
}
/// A value's name and type.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ValueInfoProto {
    /// Name of the value.
    #[prost(string, tag = "1")]
    pub name: ::prost::alloc::string::String,
    /// Its type.
    #[prost(message, optional, tag = "2")]
    pub r#type: ::core::option::Option<TypeProto>,
    /// Free text.
    #[prost(string, tag = "3")]
    pub doc_string: ::prost::alloc::string::String,
    /// Free key/value pairs.
    #[prost(message, repeated, tag = "4")]
    pub metadata_props: ::prost::alloc::vec::Vec<StringStringEntryProto>,
}
/// A dense tensor: raw little-endian bytes, a typed list, or a range of another file.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TensorProto {
    /// The shape.
    #[prost(int64, repeated, tag = "1")]
    pub dims: ::prost::alloc::vec::Vec<i64>,
    /// A `DataType`.
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    /// f32, or complex64 as pairs.
    #[prost(float, repeated, tag = "4")]
    pub float_data: ::prost::alloc::vec::Vec<f32>,
    /// Every type of at most 32 bits that has no list of its own; f16 and bf16 as bit patterns.
    #[prost(int32, repeated, tag = "5")]
    pub int32_data: ::prost::alloc::vec::Vec<i32>,
    /// Strings.
    #[prost(bytes = "vec", repeated, tag = "6")]
    pub string_data: ::prost::alloc::vec::Vec<::prost::alloc::vec::Vec<u8>>,
    /// i64.
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: ::prost::alloc::vec::Vec<i64>,
    /// Name of the value, for an initializer.
    #[prost(string, tag = "8")]
    pub name: ::prost::alloc::string::String,
    /// Little-endian elements in row-major order.
    #[prost(bytes = "bytes", tag = "9")]
    pub raw_data: ::prost::bytes::Bytes,
    /// f64, or complex128 as pairs.
    #[prost(double, repeated, tag = "10")]
    pub double_data: ::prost::alloc::vec::Vec<f64>,
    /// u32 and u64.
    #[prost(uint64, repeated, tag = "11")]
    pub uint64_data: ::prost::alloc::vec::Vec<u64>,
    /// Free text.
    #[prost(string, tag = "12")]
    pub doc_string: ::prost::alloc::string::String,
    /// Keys `location`, `offset`, `length`, `checksum`.
    #[prost(message, repeated, tag = "13")]
    pub external_data: ::prost::alloc::vec::Vec<StringStringEntryProto>,
    /// Where the bytes are.
    #[prost(enumeration = "tensor_proto::DataLocation", tag = "14")]
    pub data_location: i32,
    /// Free key/value pairs.
    #[prost(message, repeated, tag = "16")]
    pub metadata_props: ::prost::alloc::vec::Vec<StringStringEntryProto>,
}
/// Nested message and enum types in `TensorProto`.
pub mod tensor_proto {
    /// Element types.
    #[derive(
        Clone,
        Copy,
        Debug,
        PartialEq,
        Eq,
        Hash,
        PartialOrd,
        Ord,
        ::prost::Enumeration
    )]
    #[repr(i32)]
    pub enum DataType {
        /// Not said: invalid in a tensor.
        Undefined = 0,
        /// f32
        Float = 1,
        /// u8
        Uint8 = 2,
        /// i8
        Int8 = 3,
        /// u16
        Uint16 = 4,
        /// i16
        Int16 = 5,
        /// i32
        Int32 = 6,
        /// i64
        Int64 = 7,
        /// UTF-8 text or bytes, in `string_data`
        String = 8,
        /// One byte, 0 or 1
        Bool = 9,
        /// IEEE 754 binary16
        Float16 = 10,
        /// f64
        Double = 11,
        /// u32
        Uint32 = 12,
        /// u64
        Uint64 = 13,
        /// Two f32: real, imaginary
        Complex64 = 14,
        /// Two f64: real, imaginary
        Complex128 = 15,
        /// The upper half of an f32
        Bfloat16 = 16,
        /// 8-bit float: 4 exponent bits, NaN but no infinity
        Float8e4m3fn = 17,
        /// 8-bit float: 4 exponent bits, no infinity, no negative zero
        Float8e4m3fnuz = 18,
        /// 8-bit float: 5 exponent bits, IEEE specials
        Float8e5m2 = 19,
        /// 8-bit float: 5 exponent bits, no infinity, no negative zero
        Float8e5m2fnuz = 20,
        /// Two to a byte, low half first
        Uint4 = 21,
        /// Two to a byte, low half first, two's complement
        Int4 = 22,
        /// 4-bit float, two to a byte
        Float4e2m1 = 23,
        /// Power of two, for scales
        Float8e8m0 = 24,
        /// Four to a byte
        Uint2 = 25,
        /// Four to a byte, two's complement
        Int2 = 26,
        /// 6-bit float
        Float6e2m3 = 27,
        /// 6-bit float
        Float6e3m2 = 28,
    }
    impl DataType {
        /// String value of the enum field names used in the ProtoBuf definition.
        ///
        /// The values are not transformed in any way and thus are considered stable
        /// (if the ProtoBuf definition does not change) and safe for programmatic use.
        pub fn as_str_name(&self) -> &'static str {
            match self {
                Self::Undefined => "UNDEFINED",
                Self::Float => "FLOAT",
                Self::Uint8 => "UINT8",
                Self::Int8 => "INT8",
                Self::Uint16 => "UINT16",
                Self::Int16 => "INT16",
                Self::Int32 => "INT32",
                Self::Int64 => "INT64",
                Self::String => "STRING",
                Self::Bool => "BOOL",
                Self::Float16 => "FLOAT16",
                Self::Double => "DOUBLE",
                Self::Uint32 => "UINT32",
                Self::Uint64 => "UINT64",
                Self::Complex64 => "COMPLEX64",
                Self::Complex128 => "COMPLEX128",
                Self::Bfloat16 => "BFLOAT16",
                Self::Float8e4m3fn => "FLOAT8E4M3FN",
                Self::Float8e4m3fnuz => "FLOAT8E4M3FNUZ",
                Self::Float8e5m2 => "FLOAT8E5M2",
                Self::Float8e5m2fnuz => "FLOAT8E5M2FNUZ",
                Self::Uint4 => "UINT4",
                Self::Int4 => "INT4",
                Self::Float4e2m1 => "FLOAT4E2M1",
                Self::Float8e8m0 => "FLOAT8E8M0",
                Self::Uint2 => "UINT2",
                Self::Int2 => "INT2",
                Self::Float6e2m3 => "FLOAT6E2M3",
                Self::Float6e3m2 => "FLOAT6E3M2",
            }
        }
        /// Creates an enum from field names used in the ProtoBuf definition.
        pub fn from_str_name(value: &str) -> ::core::option::Option<Self> {
            match value {
                "UNDEFINED" => Some(Self::Undefined),
                "FLOAT" => Some(Self::Float),
                "UINT8" => Some(Self::Uint8),
                "INT8" => Some(Self::Int8),
                "UINT16" => Some(Self::Uint16),
                "INT16" => Some(Self::Int16),
                "INT32" => Some(Self::Int32),
                "INT64" => Some(Self::Int64),
                "STRING" => Some(Self::String),
                "BOOL" => Some(Self::Bool),
                "FLOAT16" => Some(Self::Float16),
                "DOUBLE" => Some(Self::Double),
                "UINT32" => Some(Self::Uint32),
                "UINT64" => Some(Self::Uint64),
                "COMPLEX64" => Some(Self::Complex64),
                "COMPLEX128" => Some(Self::Complex128),
                "BFLOAT16" => Some(Self::Bfloat16),
                "FLOAT8E4M3FN" => Some(Self::Float8e4m3fn),
                "FLOAT8E4M3FNUZ" => Some(Self::Float8e4m3fnuz),
                "FLOAT8E5M2" => Some(Self::Float8e5m2),
                "FLOAT8E5M2FNUZ" => Some(Self::Float8e5m2fnuz),
                "UINT4" => Some(Self::Uint4),
                "INT4" => Some(Self::Int4),
                "FLOAT4E2M1" => Some(Self::Float4e2m1),
                "FLOAT8E8M0" => Some(Self::Float8e8m0),
                "UINT2" => Some(Self::Uint2),
                "INT2" => Some(Self::Int2),
                "FLOAT6E2M3" => Some(Self::Float6e2m3),
                "FLOAT6E3M2" => Some(Self::Float6e3m2),
                _ => None,
            }
        }
    }
    /// Where the bytes are.
    #[derive(
        Clone,
        Copy,
        Debug,
        PartialEq,
        Eq,
        Hash,
        PartialOrd,
        Ord,
        ::prost::Enumeration
    )]
    #[repr(i32)]
    pub enum DataLocation {
        /// In this message.
        Default = 0,
        /// In the file that `external_data` names.
        External = 1,
    }
    impl DataLocation {
        /// String value of the enum field names used in the ProtoBuf definition.
        ///
        /// The values are not transformed in any way and thus are considered stable
        /// (if the ProtoBuf definition does not change) and safe for programmatic use.
        pub fn as_str_name(&self) -> &'static str {
            match self {
                Self::Default => "DEFAULT",
                Self::External => "EXTERNAL",
            }
        }
        /// Creates an enum from field names used in the ProtoBuf definition.
        pub fn from_str_name(value: &str) -> ::core::option::Option<Self> {
            match value {
                "DEFAULT" => Some(Self::Default),
                "EXTERNAL" => Some(Self::External),
                _ => None,
            }
        }
    }
}
/// Non-zero elements with their positions.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SparseTensorProto {
    /// The non-zero elements, \[nnz\]; carries the name.
    #[prost(message, optional, tag = "1")]
    pub values: ::core::option::Option<TensorProto>,
    /// Linear positions \[nnz\] or coordinates \[nnz, rank\], i64, ascending.
    #[prost(message, optional, tag = "2")]
    pub indices: ::core::option::Option<TensorProto>,
    /// The dense shape.
    #[prost(int64, repeated, tag = "3")]
    pub dims: ::prost::alloc::vec::Vec<i64>,
}
/// A shape whose dims may be unknown.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TensorShapeProto {
    /// The dims; none for a scalar.
    #[prost(message, repeated, tag = "1")]
    pub dim: ::prost::alloc::vec::Vec<tensor_shape_proto::Dimension>,
}
/// Nested message and enum types in `TensorShapeProto`.
pub mod tensor_shape_proto {
    /// One dim: a number, a symbol, or neither when unknown.
    #[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
    pub struct Dimension {
        /// Meaning of the axis.
        #[prost(string, tag = "3")]
        pub denotation: ::prost::alloc::string::String,
        /// The dim.
        #[prost(oneof = "dimension::Value", tags = "1, 2")]
        pub value: ::core::option::Option<dimension::Value>,
    }
    /// Nested message and enum types in `Dimension`.
    pub mod dimension {
        /// The dim.
        #[derive(Clone, PartialEq, Eq, Hash, ::prost::Oneof)]
        pub enum Value {
            /// A known size.
            #[prost(int64, tag = "1")]
            DimValue(i64),
            /// A symbol; equal symbols are equal sizes.
            #[prost(string, tag = "2")]
            DimParam(::prost::alloc::string::String),
        }
    }
}
/// The type of a value.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TypeProto {
    /// Meaning of the value.
    #[prost(string, tag = "6")]
    pub denotation: ::prost::alloc::string::String,
    /// The type.
    #[prost(oneof = "type_proto::Value", tags = "1, 4, 5, 9, 8, 7")]
    pub value: ::core::option::Option<type_proto::Value>,
}
/// Nested message and enum types in `TypeProto`.
pub mod type_proto {
    /// A tensor.
    #[derive(Clone, PartialEq, ::prost::Message)]
    pub struct Tensor {
        /// A `TensorProto.DataType`.
        #[prost(int32, tag = "1")]
        pub elem_type: i32,
        /// The shape; absent when even the rank is unknown.
        #[prost(message, optional, tag = "2")]
        pub shape: ::core::option::Option<super::TensorShapeProto>,
    }
    /// A list of values of one type.
    #[derive(Clone, PartialEq, ::prost::Message)]
    pub struct Sequence {
        /// Type of the elements.
        #[prost(message, optional, boxed, tag = "1")]
        pub elem_type: ::core::option::Option<
            ::prost::alloc::boxed::Box<super::TypeProto>,
        >,
    }
    /// A map.
    #[derive(Clone, PartialEq, ::prost::Message)]
    pub struct Map {
        /// A `TensorProto.DataType` of an integer type or STRING.
        #[prost(int32, tag = "1")]
        pub key_type: i32,
        /// Type of the values.
        #[prost(message, optional, boxed, tag = "2")]
        pub value_type: ::core::option::Option<
            ::prost::alloc::boxed::Box<super::TypeProto>,
        >,
    }
    /// A value that may be absent.
    #[derive(Clone, PartialEq, ::prost::Message)]
    pub struct Optional {
        /// Type of the value when there.
        #[prost(message, optional, boxed, tag = "1")]
        pub elem_type: ::core::option::Option<
            ::prost::alloc::boxed::Box<super::TypeProto>,
        >,
    }
    /// A sparse tensor.
    #[derive(Clone, PartialEq, ::prost::Message)]
    pub struct SparseTensor {
        /// A `TensorProto.DataType`.
        #[prost(int32, tag = "1")]
        pub elem_type: i32,
        /// The dense shape.
        #[prost(message, optional, tag = "2")]
        pub shape: ::core::option::Option<super::TensorShapeProto>,
    }
    /// A type that only its domain understands.
    #[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
    pub struct Opaque {
        /// Domain of the type.
        #[prost(string, tag = "1")]
        pub domain: ::prost::alloc::string::String,
        /// Name of the type.
        #[prost(string, tag = "2")]
        pub name: ::prost::alloc::string::String,
    }
    /// The type.
    #[derive(Clone, PartialEq, ::prost::Oneof)]
    pub enum Value {
        /// A tensor.
        #[prost(message, tag = "1")]
        TensorType(Tensor),
        /// A list.
        #[prost(message, tag = "4")]
        SequenceType(::prost::alloc::boxed::Box<Sequence>),
        /// A map.
        #[prost(message, tag = "5")]
        MapType(::prost::alloc::boxed::Box<Map>),
        /// A value that may be absent.
        #[prost(message, tag = "9")]
        OptionalType(::prost::alloc::boxed::Box<Optional>),
        /// A sparse tensor.
        #[prost(message, tag = "8")]
        SparseTensorType(SparseTensor),
        /// A type that only its domain understands.
        #[prost(message, tag = "7")]
        OpaqueType(Opaque),
    }
}
/// A function local to a model.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct FunctionProto {
    /// Name that nodes call it by.
    #[prost(string, tag = "1")]
    pub name: ::prost::alloc::string::String,
    /// Parameter names.
    #[prost(string, repeated, tag = "4")]
    pub input: ::prost::alloc::vec::Vec<::prost::alloc::string::String>,
    /// Result names.
    #[prost(string, repeated, tag = "5")]
    pub output: ::prost::alloc::vec::Vec<::prost::alloc::string::String>,
    /// Names of attributes without a default.
    #[prost(string, repeated, tag = "6")]
    pub attribute: ::prost::alloc::vec::Vec<::prost::alloc::string::String>,
    /// Attributes with a default.
    #[prost(message, repeated, tag = "11")]
    pub attribute_proto: ::prost::alloc::vec::Vec<AttributeProto>,
    /// The body, topologically sorted.
    #[prost(message, repeated, tag = "7")]
    pub node: ::prost::alloc::vec::Vec<NodeProto>,
    /// Free text.
    #[prost(string, tag = "8")]
    pub doc_string: ::prost::alloc::string::String,
    /// Operator sets that the body refers to.
    #[prost(message, repeated, tag = "9")]
    pub opset_import: ::prost::alloc::vec::Vec<OperatorSetIdProto>,
    /// Domain of the function.
    #[prost(string, tag = "10")]
    pub domain: ::prost::alloc::string::String,
    /// Tells functions of one name apart (IR version 10).
    #[prost(string, tag = "13")]
    pub overload: ::prost::alloc::string::String,
    /// Types of values in the body.
    #[prost(message, repeated, tag = "12")]
    pub value_info: ::prost::alloc::vec::Vec<ValueInfoProto>,
    /// Free key/value pairs.
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: ::prost::alloc::vec::Vec<StringStringEntryProto>,
}
