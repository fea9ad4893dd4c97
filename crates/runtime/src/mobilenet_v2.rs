//! A MobileNetV2 put together by hand from weights by name. It shares no code with the readers' lowerings, the passes
//! or the interpreter, so that an error common to those still shows when a conversion is verified.
//!
//! Sources of the architecture: `keras/src/applications/mobilenet_v2.py` (Keras 3.15), `torchvision/models/mobilenetv2.py`
//! (torchvision 0.29) and Sandler et al. 2018, table 2. The two frameworks differ in names, in the layout of kernels, in
//! where strided convolutions begin, and in the constant of the normalisation.
//! Owns: that one network. Must never know: files, graphs, other networks.

use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{DType, Tensor};

/// Whose network it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Make {
    Keras,
    Torch,
}

impl Make {
    /// Batch normalisation constant of every layer.
    fn epsilon(self) -> f32 {
        match self {
            Self::Keras => 1e-3,
            Self::Torch => 1e-5,
        }
    }

    /// Output size and first offset. Keras: TensorFlow's `SAME` padding, to which the application's explicit padding before
    /// strided depthwise convolutions (`imagenet_utils.correct_pad`) comes too. Torch: half of the kernel on either side.
    fn window(self, size: usize, kernel: usize, stride: usize) -> (usize, usize) {
        let out = size.div_ceil(stride);
        match self {
            Self::Keras => (out, ((out.saturating_sub(1)) * stride + kernel).saturating_sub(size) / 2),
            Self::Torch => (out, kernel.saturating_sub(1) / 2),
        }
    }
}

/// Stride of the depthwise convolution of each of the 17 blocks.
const STRIDES: [usize; 17] = [1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1];

/// Finds a weight of a layer: `("block_1_expand", "kernel")`.
pub type Lookup<'a> = dyn Fn(&str, &str) -> Option<Tensor> + 'a;

/// A feature map, `[batch, height, width, channels]`, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Images in the batch.
    pub batch: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// Elements.
    pub data: Vec<f32>,
}

/// The network with its weights in memory.
#[derive(Clone, Debug)]
pub struct MobileNetV2 {
    stem: Normalised,
    blocks: Vec<Block>,
    last: Normalised,
    head: Option<Head>,
}

/// A convolution without bias and the normalisation after it, kept apart as they stand in the file.
#[derive(Clone, Debug)]
struct Normalised {
    kernel: Vec<f32>,
    shape: Vec<usize>,
    norm: Norm,
    make: Make,
}

#[derive(Clone, Debug)]
struct Norm {
    gamma: Vec<f32>,
    beta: Vec<f32>,
    mean: Vec<f32>,
    variance: Vec<f32>,
    epsilon: f32,
}

#[derive(Clone, Debug)]
struct Block {
    expand: Option<Normalised>,
    depthwise: Normalised,
    project: Normalised,
    stride: usize,
}

/// Global average pool and a dense layer with softmax.
#[derive(Clone, Debug)]
struct Head {
    kernel: Vec<f32>,
    bias: Vec<f32>,
    softmax: bool,
}

impl MobileNetV2 {
    /// Whether the layers' names are those of the Keras application; a model that only contains one is not it.
    pub fn recognise<'a>(layers: impl IntoIterator<Item = &'a str>) -> bool {
        let names: std::collections::BTreeSet<&str> = layers.into_iter().collect();
        let wanted =
            ["Conv1", "bn_Conv1", "expanded_conv_depthwise", "block_1_expand", "block_16_project_BN", "Conv_1"];
        wanted.iter().all(|w| names.contains(w))
    }

    /// Reads all weights. `head` names the dense layer after the global pool, and whether softmax follows it.
    ///
    /// # Errors
    /// `KR0004` when a weight is missing or does not fit.
    pub fn assemble(weight: &Lookup<'_>, head: Option<(&str, bool)>) -> Result<Self> {
        let stem = normalised(weight, "Conv1", "bn_Conv1", false)?;
        let blocks = STRIDES.iter().enumerate().map(|(i, &stride)| block(weight, i, stride)).collect::<Result<_>>()?;
        let last = normalised(weight, "Conv_1", "Conv_1_bn", false)?;
        let head = head.map(|(layer, softmax)| dense(weight, layer, softmax)).transpose()?;
        Ok(Self { stem, blocks, last, head })
    }

    /// Whether the weights are those of torchvision's model; with its classifier, or with the features alone.
    pub fn recognise_torch<'a>(names: impl IntoIterator<Item = &'a str>) -> bool {
        let names: std::collections::BTreeSet<&str> = names.into_iter().collect();
        let wanted = [
            "features.0.0.weight",
            "features.1.conv.1.weight",
            "features.17.conv.3.running_var",
            "features.18.0.weight",
        ];
        wanted.iter().all(|w| names.contains(w)) && !names.contains("features.19.0.weight")
    }

    /// Reads all weights of torchvision's model by their keys in its `state_dict`.
    ///
    /// # Errors
    /// `TO0202` when a weight is missing or does not fit.
    pub fn assemble_torch(weight: &dyn Fn(&str) -> Option<Tensor>) -> Result<Self> {
        let stem = torch_normalised(weight, "features.0.0", "features.0.1")?;
        let mut blocks = Vec::new();
        for (i, &stride) in STRIDES.iter().enumerate() {
            let at = format!("features.{}.conv", i + 1);
            let part =
                |conv: &str, norm: &str| torch_normalised(weight, &format!("{at}.{conv}"), &format!("{at}.{norm}"));
            blocks.push(if i == 0 {
                Block { expand: None, depthwise: part("0.0", "0.1")?, project: part("1", "2")?, stride }
            } else {
                Block {
                    expand: Some(part("0.0", "0.1")?),
                    depthwise: part("1.0", "1.1")?,
                    project: part("2", "3")?,
                    stride,
                }
            });
        }
        let last = torch_normalised(weight, "features.18.0", "features.18.1")?;
        let at = ["classifier.1", "classifier"].into_iter().find(|at| weight(&format!("{at}.weight")).is_some());
        let head = at.map(|at| torch_dense(weight, at)).transpose()?;
        Ok(Self { stem, blocks, last, head })
    }

    /// Whether it ends in scores of classes.
    pub fn has_head(&self) -> bool {
        self.head.is_some()
    }

    /// Runs it on images `[batch, height, width, 3]`; the result is `[batch, 1, 1, classes]` with a head, else the
    /// last feature map.
    ///
    /// # Errors
    /// `RT0001` when the weights of neighbouring layers do not fit each other.
    pub fn run(&self, images: &Map) -> Result<Map> {
        let mut x = relu6(self.stem.convolve(images, 2)?);
        for block in &self.blocks {
            x = block.run(x)?;
        }
        let x = relu6(self.last.pointwise(&x)?);
        self.head.as_ref().map_or(Ok(x.clone()), |head| head.run(&x))
    }
}

fn missing(layer: &str, name: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::KERAS_WEIGHTS, format!("the MobileNetV2 has no weight `{name}` in `{layer}`"))
        .at_node(layer)
}

fn floats(weight: &Lookup<'_>, layer: &str, name: &str) -> Result<(Vec<f32>, Vec<usize>)> {
    let tensor = weight(layer, name).ok_or_else(|| missing(layer, name))?;
    let bytes = tensor.cast(DType::F32)?.bytes()?;
    let values = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    Ok((values, tensor.shape().to_vec()))
}

fn normalised(weight: &Lookup<'_>, conv: &str, norm: &str, depthwise: bool) -> Result<Normalised> {
    let (kernel, shape) = floats(weight, conv, "kernel")?;
    let vector = |name| floats(weight, norm, name).map(|(v, _)| v);
    let norm = Norm {
        gamma: vector("gamma")?,
        beta: vector("beta")?,
        mean: vector("moving_mean")?,
        variance: vector("moving_variance")?,
        epsilon: Make::Keras.epsilon(),
    };
    let channels = if depthwise { shape.get(2) } else { shape.get(3) };
    let fits = shape.len() == 4
        && [&norm.gamma, &norm.beta, &norm.mean, &norm.variance].iter().all(|v| Some(&v.len()) == channels);
    if fits {
        Ok(Normalised { kernel, shape, norm, make: Make::Keras })
    } else {
        Err(missing(conv, "kernel").found(format!("{shape:?}")))
    }
}

fn block(weight: &Lookup<'_>, index: usize, stride: usize) -> Result<Block> {
    let prefix = if index == 0 { "expanded_conv".to_owned() } else { format!("block_{index}") };
    let part = |name: &str, depthwise| {
        normalised(weight, &format!("{prefix}_{name}"), &format!("{prefix}_{name}_BN"), depthwise)
    };
    let expand = if index == 0 { None } else { Some(part("expand", false)?) };
    Ok(Block { expand, depthwise: part("depthwise", true)?, project: part("project", false)?, stride })
}

fn dense(weight: &Lookup<'_>, layer: &str, softmax: bool) -> Result<Head> {
    let (kernel, _) = floats(weight, layer, "kernel")?;
    let (bias, _) = floats(weight, layer, "bias")?;
    Ok(Head { kernel, bias, softmax })
}

fn torch_floats(weight: &dyn Fn(&str) -> Option<Tensor>, key: &str, perm: &[usize]) -> Result<(Vec<f32>, Vec<usize>)> {
    let wrong =
        || Diagnostic::error(Code::TORCH_ARCHITECTURE, format!("the MobileNetV2 has no weight `{key}` that fits"));
    let tensor = weight(key).filter(|t| t.rank() == perm.len()).ok_or_else(wrong)?;
    let tensor = tensor.permute(perm)?;
    let bytes = tensor.cast(DType::F32)?.bytes()?;
    let values = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    Ok((values, tensor.shape().to_vec()))
}

/// A kernel `[out, in, h, w]`, brought to `[h, w, in, out]`; a depthwise one has an `in` of 1 and becomes
/// `[h, w, channels, 1]`.
fn torch_normalised(weight: &dyn Fn(&str) -> Option<Tensor>, conv: &str, norm: &str) -> Result<Normalised> {
    let key = format!("{conv}.weight");
    let depthwise = weight(&key).is_some_and(|t| t.shape().get(1) == Some(&1) && t.shape().get(2) != Some(&1));
    let perm = if depthwise { [2, 3, 0, 1] } else { [2, 3, 1, 0] };
    let (kernel, shape) = torch_floats(weight, &key, &perm)?;
    let vector = |name: &str| torch_floats(weight, &format!("{norm}.{name}"), &[0]).map(|(v, _)| v);
    let norm = Norm {
        gamma: vector("weight")?,
        beta: vector("bias")?,
        mean: vector("running_mean")?,
        variance: vector("running_var")?,
        epsilon: Make::Torch.epsilon(),
    };
    let channels = if depthwise { shape.get(2) } else { shape.get(3) };
    let fits = [&norm.gamma, &norm.beta, &norm.mean, &norm.variance].iter().all(|v| Some(&v.len()) == channels);
    if fits {
        Ok(Normalised { kernel, shape, norm, make: Make::Torch })
    } else {
        Err(Diagnostic::error(Code::TORCH_ARCHITECTURE, format!("the normalisation after `{conv}` does not fit it")))
    }
}

fn torch_dense(weight: &dyn Fn(&str) -> Option<Tensor>, at: &str) -> Result<Head> {
    let (kernel, _) = torch_floats(weight, &format!("{at}.weight"), &[1, 0])?;
    let (bias, _) = torch_floats(weight, &format!("{at}.bias"), &[0])?;
    Ok(Head { kernel, bias, softmax: false })
}

fn relu6(mut x: Map) -> Map {
    x.data.iter_mut().for_each(|v| *v = v.clamp(0.0, 6.0));
    x
}

fn mismatch(what: &str, expected: usize, found: usize) -> Box<Diagnostic> {
    Diagnostic::error(Code::RUN_FAILED, format!("the stand-alone MobileNetV2 cannot run: {what}"))
        .expected(expected.to_string())
        .found(found.to_string())
}

impl Norm {
    fn apply(&self, x: &mut Map) {
        for pixel in x.data.chunks_exact_mut(x.channels.max(1)) {
            for (c, v) in pixel.iter_mut().enumerate() {
                *v = (*v - self.mean[c]) / (self.variance[c] + self.epsilon).sqrt() * self.gamma[c] + self.beta[c];
            }
        }
    }
}

impl Normalised {
    fn check(&self, x: &Map, axis: usize) -> Result<()> {
        if self.shape[axis] == x.channels { Ok(()) } else { Err(mismatch("channels", self.shape[axis], x.channels)) }
    }

    /// Calls `visit(output pixel, input pixel, tap)` for each tap that lies inside of the image.
    fn taps(&self, x: &Map, stride: usize, mut visit: impl FnMut(usize, usize, usize)) -> (usize, usize) {
        let (kh, kw) = (self.shape[0], self.shape[1]);
        let window = |size, kernel| self.make.window(size, kernel, stride);
        let ((height, top), (width, left)) = (window(x.height, kh), window(x.width, kw));
        for n in 0..x.batch {
            for (row, column) in (0..height).flat_map(|r| (0..width).map(move |c| (r, c))) {
                for (i, j) in (0..kh).flat_map(|i| (0..kw).map(move |j| (i, j))) {
                    let (r, c) = ((row * stride + i).wrapping_sub(top), (column * stride + j).wrapping_sub(left));
                    if r < x.height && c < x.width {
                        visit((n * height + row) * width + column, (n * x.height + r) * x.width + c, i * kw + j);
                    }
                }
            }
        }
        (height, width)
    }

    fn finish(&self, x: &Map, size: (usize, usize), channels: usize, mut data: Vec<f32>) -> Map {
        data.truncate(x.batch * size.0 * size.1 * channels);
        let mut out = Map { batch: x.batch, height: size.0, width: size.1, channels, data };
        self.norm.apply(&mut out);
        out
    }

    /// Every output channel sees every input channel; kernel `[h, w, in, out]`.
    fn convolve(&self, x: &Map, stride: usize) -> Result<Map> {
        self.check(x, 2)?;
        let (cin, cout) = (x.channels, self.shape[3]);
        let mut data = vec![0.0; x.batch * x.height.div_ceil(stride) * x.width.div_ceil(stride) * cout];
        let size = self.taps(x, stride, |to, from, tap| {
            for (k, v) in x.data[from * cin..][..cin].iter().enumerate() {
                let row = &self.kernel[(tap * cin + k) * cout..][..cout];
                data[to * cout..][..cout].iter_mut().zip(row).for_each(|(o, w)| *o += v * w);
            }
        });
        Ok(self.finish(x, size, cout, data))
    }

    /// A convolution of one pixel.
    fn pointwise(&self, x: &Map) -> Result<Map> {
        self.convolve(x, 1)
    }

    /// Every channel by itself; kernel `[h, w, channels, 1]`.
    fn depthwise(&self, x: &Map, stride: usize) -> Result<Map> {
        self.check(x, 2)?;
        let c = x.channels;
        let mut data = vec![0.0; x.batch * x.height.div_ceil(stride) * x.width.div_ceil(stride) * c];
        let size = self.taps(x, stride, |to, from, tap| {
            let (image, kernel) = (&x.data[from * c..][..c], &self.kernel[tap * c..][..c]);
            for ((o, v), w) in data[to * c..][..c].iter_mut().zip(image).zip(kernel) {
                *o += v * w;
            }
        });
        Ok(self.finish(x, size, c, data))
    }
}

impl Block {
    fn run(&self, x: Map) -> Result<Map> {
        let expanded = match &self.expand {
            Some(expand) => relu6(expand.pointwise(&x)?),
            None => x.clone(),
        };
        let filtered = relu6(self.depthwise.depthwise(&expanded, self.stride)?);
        let mut out = self.project.pointwise(&filtered)?;
        if self.stride == 1 && out.channels == x.channels {
            out.data.iter_mut().zip(&x.data).for_each(|(o, v)| *o += v);
        }
        Ok(out)
    }
}

impl Head {
    fn run(&self, x: &Map) -> Result<Map> {
        let classes = self.bias.len();
        if self.kernel.len() != x.channels * classes {
            return Err(mismatch("the head's kernel", x.channels * classes, self.kernel.len()));
        }
        let pixels = (x.height * x.width).max(1);
        let mut data = Vec::with_capacity(x.batch * classes);
        for image in x.data.chunks_exact(pixels * x.channels) {
            let mut mean = vec![0.0f32; x.channels];
            for pixel in image.chunks_exact(x.channels) {
                mean.iter_mut().zip(pixel).for_each(|(m, v)| *m += v / pixels as f32);
            }
            let mut logits = self.bias.clone();
            for (m, row) in mean.iter().zip(self.kernel.chunks_exact(classes)) {
                logits.iter_mut().zip(row).for_each(|(l, w)| *l += m * w);
            }
            data.extend(if self.softmax { softmax(logits) } else { logits });
        }
        Ok(Map { batch: x.batch, height: 1, width: 1, channels: classes, data })
    }
}

fn softmax(logits: Vec<f32>) -> Vec<f32> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exps: Vec<f32> = logits.iter().map(|l| (l - top).exp()).collect();
    let sum: f32 = exps.iter().sum();
    exps.into_iter().map(|e| e / sum).collect()
}
