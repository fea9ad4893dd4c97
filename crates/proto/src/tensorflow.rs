// Generated from /proto by `cargo xtask codegen`. Not to be edited: change the .proto and run it again.

/// saved_model.pb.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct SavedModel {
    /// 1 since there are SavedModels.
    #[prost(int64, tag = "1")]
    pub saved_model_schema_version: i64,
    /// Messages MetaGraphDef, one for each set of tags.
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub meta_graphs: ::prost::alloc::vec::Vec<::prost::bytes::Bytes>,
}
/// A graph with what belongs to it; also a whole `.meta` file.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct MetaGraphDef {
    /// What the graph is.
    #[prost(message, optional, tag = "1")]
    pub meta_info_def: ::core::option::Option<MetaInfoDef>,
    /// What is computed: a GraphDef.
    #[prost(bytes = "bytes", tag = "2")]
    pub graph_def: ::prost::bytes::Bytes,
    /// How variables are stored and restored.
    #[prost(message, optional, tag = "3")]
    pub saver_def: ::core::option::Option<SaverDef>,
    /// Lists that TF1 keeps by name.
    #[prost(btree_map = "string, message", tag = "4")]
    pub collection_def: ::prost::alloc::collections::BTreeMap<
        ::prost::alloc::string::String,
        CollectionDef,
    >,
    /// Entry points.
    #[prost(btree_map = "string, message", tag = "5")]
    pub signature_def: ::prost::alloc::collections::BTreeMap<
        ::prost::alloc::string::String,
        SignatureDef,
    >,
    /// Files that the graph reads.
    #[prost(message, repeated, tag = "6")]
    pub asset_file_def: ::prost::alloc::vec::Vec<AssetFileDef>,
    /// A SavedObjectGraph, TF2 only.
    #[prost(bytes = "bytes", tag = "7")]
    pub object_graph_def: ::prost::bytes::Bytes,
}
/// MetaGraphDef.MetaInfoDef.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct MetaInfoDef {
    /// Free text.
    #[prost(string, tag = "1")]
    pub meta_graph_version: ::prost::alloc::string::String,
    /// What the graph is for: `serve`, `train`, `gpu`.
    #[prost(string, repeated, tag = "4")]
    pub tags: ::prost::alloc::vec::Vec<::prost::alloc::string::String>,
    /// Version that wrote it.
    #[prost(string, tag = "5")]
    pub tensorflow_version: ::prost::alloc::string::String,
    /// Commit that wrote it.
    #[prost(string, tag = "6")]
    pub tensorflow_git_version: ::prost::alloc::string::String,
    /// Whether attributes at their default are left out.
    #[prost(bool, tag = "7")]
    pub stripped_default_attrs: bool,
}
/// Names of the ops that save and restore.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct SaverDef {
    /// Tensor that takes the file name.
    #[prost(string, tag = "1")]
    pub filename_tensor_name: ::prost::alloc::string::String,
    /// Tensor that saves.
    #[prost(string, tag = "2")]
    pub save_tensor_name: ::prost::alloc::string::String,
    /// Op that restores.
    #[prost(string, tag = "3")]
    pub restore_op_name: ::prost::alloc::string::String,
    /// Whether there is one file a device.
    #[prost(bool, tag = "5")]
    pub sharded: bool,
    /// 0 and 1: tables of tensors; 2: a bundle.
    #[prost(int32, tag = "7")]
    pub version: i32,
}
/// A list of a TF1 graph.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct CollectionDef {
    /// One kind of list.
    #[prost(oneof = "collection_def::Kind", tags = "1, 2, 5")]
    pub kind: ::core::option::Option<collection_def::Kind>,
}
/// Nested message and enum types in `CollectionDef`.
pub mod collection_def {
    /// One kind of list.
    #[derive(Clone, PartialEq, ::prost::Oneof)]
    pub enum Kind {
        /// Names of nodes.
        #[prost(message, tag = "1")]
        NodeList(super::NodeList),
        /// Serialised messages.
        #[prost(message, tag = "2")]
        BytesList(super::BytesList),
        /// Messages with their types.
        #[prost(message, tag = "5")]
        AnyList(super::AnyList),
    }
}
/// CollectionDef.AnyList.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct AnyList {
    /// The messages.
    #[prost(message, repeated, tag = "1")]
    pub value: ::prost::alloc::vec::Vec<AnyMessage>,
}
/// google.protobuf.Any: `saved_model_assets` holds an AssetFileDef in each.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct AnyMessage {
    /// What the value is.
    #[prost(string, tag = "1")]
    pub type_url: ::prost::alloc::string::String,
    /// The message.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: ::prost::bytes::Bytes,
}
/// CollectionDef.NodeList.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct NodeList {
    /// The names.
    #[prost(string, repeated, tag = "1")]
    pub value: ::prost::alloc::vec::Vec<::prost::alloc::string::String>,
}
/// CollectionDef.BytesList.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct BytesList {
    /// The messages.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub value: ::prost::alloc::vec::Vec<::prost::bytes::Bytes>,
}
/// An entry point.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SignatureDef {
    /// Tensors by the name of the argument.
    #[prost(btree_map = "string, message", tag = "1")]
    pub inputs: ::prost::alloc::collections::BTreeMap<
        ::prost::alloc::string::String,
        TensorInfo,
    >,
    /// Tensors by the name of the result.
    #[prost(btree_map = "string, message", tag = "2")]
    pub outputs: ::prost::alloc::collections::BTreeMap<
        ::prost::alloc::string::String,
        TensorInfo,
    >,
    /// Purpose: `tensorflow/serving/predict`.
    #[prost(string, tag = "3")]
    pub method_name: ::prost::alloc::string::String,
}
/// A tensor of a signature.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TensorInfo {
    /// A DataType.
    #[prost(int32, tag = "2")]
    pub dtype: i32,
    /// Its shape.
    #[prost(message, optional, tag = "3")]
    pub tensor_shape: ::core::option::Option<TensorShapeProto>,
    /// How it is encoded.
    #[prost(oneof = "tensor_info::Encoding", tags = "1, 4, 5")]
    pub encoding: ::core::option::Option<tensor_info::Encoding>,
}
/// Nested message and enum types in `TensorInfo`.
pub mod tensor_info {
    /// How it is encoded.
    #[derive(Clone, PartialEq, Eq, Hash, ::prost::Oneof)]
    pub enum Encoding {
        /// `node:0`.
        #[prost(string, tag = "1")]
        Name(::prost::alloc::string::String),
        /// Three tensors of a sparse one.
        #[prost(bytes, tag = "4")]
        CooSparse(::prost::bytes::Bytes),
        /// Components of a ragged or other composite one.
        #[prost(bytes, tag = "5")]
        CompositeTensor(::prost::bytes::Bytes),
    }
}
/// A file beside the model and the tensor that holds its name.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct AssetFileDef {
    /// The tensor.
    #[prost(message, optional, tag = "1")]
    pub tensor_info: ::core::option::Option<TensorInfo>,
    /// Name below `assets`.
    #[prost(string, tag = "2")]
    pub filename: ::prost::alloc::string::String,
}
/// A graph.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct GraphDef {
    /// The nodes, in any order.
    #[prost(message, repeated, tag = "1")]
    pub node: ::prost::alloc::vec::Vec<NodeDef>,
    /// Which releases can read it.
    #[prost(message, optional, tag = "4")]
    pub versions: ::core::option::Option<VersionDef>,
    /// What `versions` replaces.
    #[prost(int32, tag = "3")]
    pub version: i32,
    /// Functions.
    #[prost(message, optional, tag = "2")]
    pub library: ::core::option::Option<FunctionDefLibrary>,
}
/// Revisions of a format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct VersionDef {
    /// Revision of the writer.
    #[prost(int32, tag = "1")]
    pub producer: i32,
    /// Oldest revision that may read it.
    #[prost(int32, tag = "2")]
    pub min_consumer: i32,
}
/// An op applied to tensors.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct NodeDef {
    /// Its name, unique in its graph.
    #[prost(string, tag = "1")]
    pub name: ::prost::alloc::string::String,
    /// What it does.
    #[prost(string, tag = "2")]
    pub op: ::prost::alloc::string::String,
    /// `node`, `node:1`, `^control`; in functions also `node:output:0`.
    #[prost(string, repeated, tag = "3")]
    pub input: ::prost::alloc::vec::Vec<::prost::alloc::string::String>,
    /// Its attributes.
    #[prost(btree_map = "string, message", tag = "5")]
    pub attr: ::prost::alloc::collections::BTreeMap<
        ::prost::alloc::string::String,
        AttrValue,
    >,
}
/// An attribute.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct AttrValue {
    /// One kind of value.
    #[prost(oneof = "attr_value::Value", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")]
    pub value: ::core::option::Option<attr_value::Value>,
}
/// Nested message and enum types in `AttrValue`.
pub mod attr_value {
    /// One kind of value.
    #[derive(Clone, PartialEq, ::prost::Oneof)]
    pub enum Value {
        /// A ListValue.
        #[prost(bytes, tag = "1")]
        List(::prost::bytes::Bytes),
        /// A string.
        #[prost(bytes, tag = "2")]
        S(::prost::bytes::Bytes),
        /// An integer.
        #[prost(int64, tag = "3")]
        I(i64),
        /// A float.
        #[prost(float, tag = "4")]
        F(f32),
        /// A truth value.
        #[prost(bool, tag = "5")]
        B(bool),
        /// A DataType.
        #[prost(int32, tag = "6")]
        Type(i32),
        /// A TensorShapeProto.
        #[prost(bytes, tag = "7")]
        Shape(::prost::bytes::Bytes),
        /// A TensorProto.
        #[prost(bytes, tag = "8")]
        Tensor(::prost::bytes::Bytes),
        /// Name of an attribute of the function that the node stands in.
        #[prost(string, tag = "9")]
        Placeholder(::prost::alloc::string::String),
        /// A NameAttrList.
        #[prost(bytes, tag = "10")]
        Func(::prost::bytes::Bytes),
    }
}
/// AttrValue.ListValue.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ListValue {
    /// Strings.
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub s: ::prost::alloc::vec::Vec<::prost::bytes::Bytes>,
    /// Integers.
    #[prost(int64, repeated, tag = "3")]
    pub i: ::prost::alloc::vec::Vec<i64>,
    /// Floats.
    #[prost(float, repeated, tag = "4")]
    pub f: ::prost::alloc::vec::Vec<f32>,
    /// Truth values.
    #[prost(bool, repeated, tag = "5")]
    pub b: ::prost::alloc::vec::Vec<bool>,
    /// DataTypes.
    #[prost(int32, repeated, tag = "6")]
    pub r#type: ::prost::alloc::vec::Vec<i32>,
    /// Shapes.
    #[prost(message, repeated, tag = "7")]
    pub shape: ::prost::alloc::vec::Vec<TensorShapeProto>,
    /// Messages TensorProto.
    #[prost(bytes = "bytes", repeated, tag = "8")]
    pub tensor: ::prost::alloc::vec::Vec<::prost::bytes::Bytes>,
    /// Functions.
    #[prost(message, repeated, tag = "9")]
    pub func: ::prost::alloc::vec::Vec<NameAttrList>,
}
/// A function with values for its attributes.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct NameAttrList {
    /// The function.
    #[prost(string, tag = "1")]
    pub name: ::prost::alloc::string::String,
    /// Its attributes.
    #[prost(btree_map = "string, message", tag = "2")]
    pub attr: ::prost::alloc::collections::BTreeMap<
        ::prost::alloc::string::String,
        AttrValue,
    >,
}
/// A shape.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TensorShapeProto {
    /// Its dimensions.
    #[prost(message, repeated, tag = "2")]
    pub dim: ::prost::alloc::vec::Vec<Dim>,
    /// Whether nothing is known, not even the rank.
    #[prost(bool, tag = "3")]
    pub unknown_rank: bool,
}
/// TensorShapeProto.Dim.
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Dim {
    /// Its size; -1 when it is not known.
    #[prost(int64, tag = "1")]
    pub size: i64,
}
/// A tensor.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TensorProto {
    /// A DataType.
    #[prost(int32, tag = "1")]
    pub dtype: i32,
    /// Its shape.
    #[prost(message, optional, tag = "2")]
    pub tensor_shape: ::core::option::Option<TensorShapeProto>,
    /// All elements, little-endian and row-major; or the fields by type, where the last element stands for the rest.
    #[prost(bytes = "bytes", tag = "4")]
    pub tensor_content: ::prost::bytes::Bytes,
    /// float16 and bfloat16, the bits in the lower half.
    #[prost(int32, repeated, tag = "13")]
    pub half_val: ::prost::alloc::vec::Vec<i32>,
    /// float32.
    #[prost(float, repeated, tag = "5")]
    pub float_val: ::prost::alloc::vec::Vec<f32>,
    /// float64.
    #[prost(double, repeated, tag = "6")]
    pub double_val: ::prost::alloc::vec::Vec<f64>,
    /// int32, int16, int8, uint16, uint8 and the quantised ones.
    #[prost(int32, repeated, tag = "7")]
    pub int_val: ::prost::alloc::vec::Vec<i32>,
    /// Strings.
    #[prost(bytes = "bytes", repeated, tag = "8")]
    pub string_val: ::prost::alloc::vec::Vec<::prost::bytes::Bytes>,
    /// complex64, real and imaginary part in turn.
    #[prost(float, repeated, tag = "9")]
    pub scomplex_val: ::prost::alloc::vec::Vec<f32>,
    /// int64.
    #[prost(int64, repeated, tag = "10")]
    pub int64_val: ::prost::alloc::vec::Vec<i64>,
    /// bool.
    #[prost(bool, repeated, tag = "11")]
    pub bool_val: ::prost::alloc::vec::Vec<bool>,
    /// complex128, real and imaginary part in turn.
    #[prost(double, repeated, tag = "12")]
    pub dcomplex_val: ::prost::alloc::vec::Vec<f64>,
    /// uint32.
    #[prost(uint32, repeated, tag = "16")]
    pub uint32_val: ::prost::alloc::vec::Vec<u32>,
    /// uint64.
    #[prost(uint64, repeated, tag = "17")]
    pub uint64_val: ::prost::alloc::vec::Vec<u64>,
    /// 8-bit floats, one a byte.
    #[prost(bytes = "bytes", tag = "18")]
    pub float8_val: ::prost::bytes::Bytes,
}
/// The functions of a graph.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct FunctionDefLibrary {
    /// Messages FunctionDef.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub function: ::prost::alloc::vec::Vec<::prost::bytes::Bytes>,
}
/// A function.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct FunctionDef {
    /// Its name, arguments and results.
    #[prost(message, optional, tag = "1")]
    pub signature: ::core::option::Option<OpDef>,
    /// Its body.
    #[prost(message, repeated, tag = "3")]
    pub node_def: ::prost::alloc::vec::Vec<NodeDef>,
    /// Which tensor of the body each result is.
    #[prost(btree_map = "string, string", tag = "4")]
    pub ret: ::prost::alloc::collections::BTreeMap<
        ::prost::alloc::string::String,
        ::prost::alloc::string::String,
    >,
}
/// The name of a function, and its arguments; of the rest of an OpDef nothing.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct OpDef {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: ::prost::alloc::string::String,
    /// Arguments.
    #[prost(message, repeated, tag = "2")]
    pub input_arg: ::prost::alloc::vec::Vec<ArgDef>,
    /// Results.
    #[prost(message, repeated, tag = "3")]
    pub output_arg: ::prost::alloc::vec::Vec<ArgDef>,
}
/// OpDef.ArgDef.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct ArgDef {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: ::prost::alloc::string::String,
    /// A DataType; 0 when an attribute says it.
    #[prost(int32, tag = "3")]
    pub r#type: i32,
    /// Attribute that holds the type.
    #[prost(string, tag = "4")]
    pub type_attr: ::prost::alloc::string::String,
    /// Attribute that holds how many tensors this stands for.
    #[prost(string, tag = "5")]
    pub number_attr: ::prost::alloc::string::String,
    /// Attribute that holds the types of the tensors that this stands for.
    #[prost(string, tag = "6")]
    pub type_list_attr: ::prost::alloc::string::String,
}
/// Python objects of a TF2 model.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SavedObjectGraph {
    /// The objects; the first is the model.
    #[prost(message, repeated, tag = "1")]
    pub nodes: ::prost::alloc::vec::Vec<SavedObject>,
}
/// An object.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SavedObject {
    /// What hangs on it.
    #[prost(message, repeated, tag = "1")]
    pub children: ::prost::alloc::vec::Vec<ObjectReference>,
    /// One kind of object.
    #[prost(oneof = "saved_object::Kind", tags = "4, 7")]
    pub kind: ::core::option::Option<saved_object::Kind>,
}
/// Nested message and enum types in `SavedObject`.
pub mod saved_object {
    /// One kind of object.
    #[derive(Clone, PartialEq, ::prost::Oneof)]
    pub enum Kind {
        /// A Python object.
        #[prost(message, tag = "4")]
        UserObject(super::SavedUserObject),
        /// A variable.
        #[prost(message, tag = "7")]
        Variable(super::SavedVariable),
    }
}
/// TrackableObjectGraph.TrackableObject.ObjectReference.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct ObjectReference {
    /// Number of the object.
    #[prost(int32, tag = "1")]
    pub node_id: i32,
    /// Name of the attribute that holds it.
    #[prost(string, tag = "2")]
    pub local_name: ::prost::alloc::string::String,
}
/// A Python object.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct SavedUserObject {
    /// Its kind: `_tf_keras_model`.
    #[prost(string, tag = "1")]
    pub identifier: ::prost::alloc::string::String,
    /// What its kind needs to be made again; for Keras 2, JSON.
    #[prost(string, tag = "3")]
    pub metadata: ::prost::alloc::string::String,
}
/// A variable.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SavedVariable {
    /// A DataType.
    #[prost(int32, tag = "1")]
    pub dtype: i32,
    /// Its shape.
    #[prost(message, optional, tag = "2")]
    pub shape: ::core::option::Option<TensorShapeProto>,
    /// Its name, not always unique.
    #[prost(string, tag = "6")]
    pub name: ::prost::alloc::string::String,
}
/// Python objects of a TF2 checkpoint, stored in it under `_CHECKPOINTABLE_OBJECT_GRAPH`.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TrackableObjectGraph {
    /// The objects; the first is what was saved.
    #[prost(message, repeated, tag = "1")]
    pub nodes: ::prost::alloc::vec::Vec<TrackableObject>,
}
/// An object of a checkpoint.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TrackableObject {
    /// What hangs on it.
    #[prost(message, repeated, tag = "1")]
    pub children: ::prost::alloc::vec::Vec<ObjectReference>,
    /// Its tensors.
    #[prost(message, repeated, tag = "2")]
    pub attributes: ::prost::alloc::vec::Vec<SerializedTensor>,
}
/// A tensor of an object of a checkpoint.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct SerializedTensor {
    /// Which of the object's tensors: `VARIABLE_VALUE`.
    #[prost(string, tag = "1")]
    pub name: ::prost::alloc::string::String,
    /// Name of the variable.
    #[prost(string, tag = "2")]
    pub full_name: ::prost::alloc::string::String,
    /// Its key in the checkpoint.
    #[prost(string, tag = "3")]
    pub checkpoint_key: ::prost::alloc::string::String,
}
/// What stands under the empty key of a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct BundleHeaderProto {
    /// The number of `.data` files.
    #[prost(int32, tag = "1")]
    pub num_shards: i32,
    /// 0: little, 1: big.
    #[prost(int32, tag = "2")]
    pub endianness: i32,
    /// Revision of the format.
    #[prost(message, optional, tag = "3")]
    pub version: ::core::option::Option<VersionDef>,
}
/// A tensor of a bundle.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct BundleEntryProto {
    /// A DataType.
    #[prost(int32, tag = "1")]
    pub dtype: i32,
    /// Its shape.
    #[prost(message, optional, tag = "2")]
    pub shape: ::core::option::Option<TensorShapeProto>,
    /// Which `.data` file.
    #[prost(int32, tag = "3")]
    pub shard_id: i32,
    /// Where in that file.
    #[prost(int64, tag = "4")]
    pub offset: i64,
    /// Its bytes.
    #[prost(int64, tag = "5")]
    pub size: i64,
    /// Masked CRC-32C of its bytes.
    #[prost(fixed32, tag = "6")]
    pub crc32c: u32,
    /// Parts of a partitioned variable, stored under keys of their own.
    #[prost(message, repeated, tag = "7")]
    pub slices: ::prost::alloc::vec::Vec<TensorSliceProto>,
}
/// A part of a tensor.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TensorSliceProto {
    /// One for each dimension.
    #[prost(message, repeated, tag = "1")]
    pub extent: ::prost::alloc::vec::Vec<Extent>,
}
/// TensorSliceProto.Extent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Extent {
    /// Where it begins.
    #[prost(int64, tag = "1")]
    pub start: i64,
    /// How long it is; without it, all of the dimension.
    #[prost(int64, optional, tag = "2")]
    pub length: ::core::option::Option<i64>,
}
/// An entry of a V1 checkpoint.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SavedTensorSlices {
    /// All tensors; only in the first entry.
    #[prost(message, optional, tag = "1")]
    pub meta: ::core::option::Option<SavedTensorSliceMeta>,
    /// One tensor or a part of it.
    #[prost(message, optional, tag = "2")]
    pub data: ::core::option::Option<SavedSlice>,
}
/// All tensors of a V1 checkpoint.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SavedTensorSliceMeta {
    /// The tensors.
    #[prost(message, repeated, tag = "1")]
    pub tensor: ::prost::alloc::vec::Vec<SavedSliceMeta>,
    /// Revision of the format.
    #[prost(message, optional, tag = "2")]
    pub versions: ::core::option::Option<VersionDef>,
}
/// A tensor of a V1 checkpoint.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SavedSliceMeta {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: ::prost::alloc::string::String,
    /// Its shape.
    #[prost(message, optional, tag = "2")]
    pub shape: ::core::option::Option<TensorShapeProto>,
    /// A DataType.
    #[prost(int32, tag = "3")]
    pub r#type: i32,
    /// The parts that are there.
    #[prost(message, repeated, tag = "4")]
    pub slice: ::prost::alloc::vec::Vec<TensorSliceProto>,
}
/// A part of a tensor of a V1 checkpoint.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SavedSlice {
    /// Name of the tensor.
    #[prost(string, tag = "1")]
    pub name: ::prost::alloc::string::String,
    /// Which part.
    #[prost(message, optional, tag = "2")]
    pub slice: ::core::option::Option<TensorSliceProto>,
    /// The elements, in the fields by type.
    #[prost(bytes = "bytes", tag = "3")]
    pub data: ::prost::bytes::Bytes,
}
