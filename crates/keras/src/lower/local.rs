//! Locally connected layers: convolutions whose kernel differs at every position. Keras 2 only
//! (`keras/src/layers/locally_connected`, 2.15), in its three ways of storing the kernel.

use super::call::Call;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, DataLayout};
use modelport_ir::{Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] =
    &[row("LocallyConnected1D", |c| local(c, 1)), row("LocallyConnected2D", |c| local(c, 2))];

/// The largest number of elements of an index or mask that is written out.
const MOST: usize = 1 << 26;

/// Sizes along the spatial axes, and channels.
struct Geometry {
    data: DataLayout,
    input: Vec<usize>,
    output: Vec<usize>,
    window: Vec<usize>,
    strides: Vec<usize>,
    same: bool,
    channels: usize,
    filters: usize,
}

impl Geometry {
    fn of(c: &Call<'_>, x: ValueId, n: usize) -> Result<Self> {
        let data = c.data_layout()?;
        let input = data.spatial_axes(n + 2).map(|a| c.known_dim(x, a)).collect::<Result<Vec<_>>>()?;
        let channels = c.known_dim(x, data.channel_axis(n + 2))?;
        let window = c.sizes("kernel_size", n)?;
        let strides = c.sizes_or("strides", n, 1)?;
        let same = match c.str_or("padding", "valid")? {
            "valid" => false,
            "same" => true,
            other => return Err(c.bad_argument("padding", "`valid` or `same`", other)),
        };
        if !same && input.iter().zip(&window).any(|(i, w)| i < w) {
            return Err(c.unsupported("the kernel is larger than the input").found(c.b.ty(x).to_string()));
        }
        let size = |(i, (w, s)): (&usize, (&usize, &usize))| if same { i.div_ceil(*s) } else { (i - w) / s + 1 };
        let output = input.iter().zip(window.iter().zip(&strides)).map(size).collect();
        let g = Self { data, input, output, window, strides, same, channels, filters: c.size("filters")? };
        let product = |sizes: &[usize], n: usize| sizes.iter().try_fold(n, |a, &b| a.checked_mul(b));
        g.check(c, product(&g.input, g.channels))?;
        g.check(c, product(&g.output, g.filters))?;
        g.check(c, product(&g.window, g.channels))?;
        Ok(g)
    }

    /// The inputs along axis `d` that output `o` sees.
    fn seen(&self, d: usize, o: usize) -> std::ops::Range<usize> {
        let left = self.window[d] / 2;
        let centre = o * self.strides[d] + if self.same { 0 } else { left };
        centre.saturating_sub(left)..(centre + self.window[d] - left).min(self.input[d])
    }

    /// The place of an element among those of one example.
    fn place(&self, sizes: &[usize], channels: usize, at: &[usize], channel: usize) -> usize {
        let spatial = at.iter().zip(sizes).fold(0, |p, (&a, &n)| p * n + a);
        match self.data {
            DataLayout::ChannelsLast => spatial * channels + channel,
            DataLayout::ChannelsFirst => channel * sizes.iter().product::<usize>() + spatial,
        }
    }

    fn in_size(&self) -> usize {
        self.input.iter().product::<usize>() * self.channels
    }

    fn out_size(&self) -> usize {
        self.output.iter().product::<usize>() * self.filters
    }

    fn check(&self, c: &Call<'_>, elements: Option<usize>) -> Result<()> {
        if elements.is_some_and(|n| n <= MOST) {
            return Ok(());
        }
        Err(c.unsupported("the connections of this layer are too many to write out"))
    }
}

/// All index tuples of these sizes, the last axis fastest.
fn positions(ranges: &[std::ops::Range<usize>]) -> Vec<Vec<usize>> {
    ranges.iter().fold(vec![Vec::new()], |all, range| {
        all.iter().flat_map(|p| range.clone().map(move |i| [p.as_slice(), &[i]].concat())).collect()
    })
}

fn grid(sizes: &[usize]) -> Vec<Vec<usize>> {
    positions(&sizes.iter().map(|&n| 0..n).collect::<Vec<_>>())
}

fn local(c: &mut Call<'_>, n: usize) -> Result<ValueId> {
    let x = c.float_x()?;
    if c.b.rank(x) != n + 2 {
        return Err(c.unsupported(format!("needs an input of rank {}", n + 2)).found(c.b.ty(x).to_string()));
    }
    let g = Geometry::of(c, x, n)?;
    let flat = c.b.one(Op::Flatten { axis: 1 }, &[x])?;
    let y = match c.int_or("implementation", 1)? {
        1 => by_patches(c, &g, flat)?,
        2 => by_mask(c, &g, flat)?,
        3 => by_index(c, &g, flat)?,
        other => return Err(c.bad_argument("implementation", "1, 2 or 3", &other.to_string())),
    };
    let spatial = g.output.iter().map(|&s| s as i64);
    let shape: Vec<i64> = match g.data {
        DataLayout::ChannelsLast => [0].into_iter().chain(spatial).chain([g.filters as i64]).collect(),
        DataLayout::ChannelsFirst => [0, g.filters as i64].into_iter().chain(spatial).collect(),
    };
    let mut y = c.b.reshape(y, &shape)?;
    if c.bool_or("use_bias", true)? {
        // Keras reshapes the bias [spatial…, filters] to the output's shape, also where that is channels first.
        let bias = c.weight("bias")?;
        let shape: Vec<i64> = [1].into_iter().chain(shape.into_iter().skip(1)).collect();
        let bias = c.b.reshape(bias, &shape)?;
        y = c.b.binary(BinaryOp::Add, y, bias)?;
    }
    c.activate(y, "activation")
}

/// Implementation 1: a kernel [positions, window · channels, filters] on the patch at each position.
fn by_patches(c: &mut Call<'_>, g: &Geometry, flat: ValueId) -> Result<ValueId> {
    let patch = g.window.iter().product::<usize>() * g.channels;
    let count = g.output.iter().product::<usize>();
    g.check(c, count.checked_mul(patch))?;
    let mut at = Vec::with_capacity(count * patch);
    for o in grid(&g.output) {
        let seen: Vec<_> =
            o.iter().enumerate().map(|(d, &o)| o * g.strides[d]..o * g.strides[d] + g.window[d]).collect();
        let seen = positions(&seen);
        match g.data {
            DataLayout::ChannelsLast => seen.iter().for_each(|p| {
                at.extend((0..g.channels).map(|ch| g.place(&g.input, g.channels, p, ch) as i64));
            }),
            DataLayout::ChannelsFirst => (0..g.channels).for_each(|ch| {
                at.extend(seen.iter().map(|p| g.place(&g.input, g.channels, p, ch) as i64));
            }),
        }
    }
    let at = Tensor::ints(&at).reshape(vec![count, patch])?;
    let at = c.b.constant(format!("{}/patches", c.b.scope()), at);
    let patches = c.b.one(Op::Gather { axis: 1 }, &[flat, at])?;
    let kernel = c.weight("kernel")?;
    let equation = match g.data {
        DataLayout::ChannelsLast => "npf,pfo->npo",
        DataLayout::ChannelsFirst => "npf,pfo->nop",
    };
    c.b.one(Op::Einsum { equation: equation.to_owned() }, &[patches, kernel])
}

/// Implementation 2: a kernel from every input to every output, most of it masked.
fn by_mask(c: &mut Call<'_>, g: &Geometry, flat: ValueId) -> Result<ValueId> {
    let (ins, outs) = (grid(&g.input), grid(&g.output));
    g.check(c, ins.len().checked_mul(outs.len()))?;
    let connected = |i: &[usize], o: &[usize]| (0..i.len()).all(|d| g.seen(d, o[d]).contains(&i[d]));
    let mask: Vec<f64> =
        ins.iter().flat_map(|i| outs.iter().map(move |o| f64::from(u8::from(connected(i, o))))).collect();
    let around = |sizes: &[usize]| match g.data {
        DataLayout::ChannelsLast => [sizes, &[1]].concat(),
        DataLayout::ChannelsFirst => [&[1], sizes].concat(),
    };
    let shape = [around(&g.input), around(&g.output)].concat();
    let mask = Tensor::from_f64s(c.compute_dtype(), &shape, &mask)?;
    let mask = c.b.constant(format!("{}/kernel_mask", c.b.scope()), mask);
    let kernel = c.weight("kernel")?;
    let kernel = c.b.binary(BinaryOp::Mul, kernel, mask)?;
    let kernel = c.b.reshape(kernel, &[g.in_size() as i64, g.out_size() as i64])?;
    c.b.one(Op::MatMul, &[flat, kernel])
}

/// Implementation 3: a vector of the weights that are there, ordered by output, then by input.
fn by_index(c: &mut Call<'_>, g: &Geometry, flat: ValueId) -> Result<ValueId> {
    let (ins, outs) = (g.in_size(), g.out_size());
    g.check(c, ins.checked_mul(outs))?;
    let mut pairs = Vec::new();
    for o in grid(&g.output) {
        let seen = positions(&o.iter().enumerate().map(|(d, &o)| g.seen(d, o)).collect::<Vec<_>>());
        for f in 0..g.filters {
            let to = g.place(&g.output, g.filters, &o, f);
            let from = seen.iter().flat_map(|p| (0..g.channels).map(|ch| g.place(&g.input, g.channels, p, ch)));
            pairs.extend(from.map(|from| (to, from)));
        }
    }
    pairs.sort_unstable();
    // Element 0 of the extended kernel is the 0 of all pairs that are not connected.
    let mut at = vec![0i64; ins * outs];
    for (i, (to, from)) in pairs.into_iter().enumerate() {
        if let Some(slot) = at.get_mut(from * outs + to) {
            *slot = i as i64 + 1;
        }
    }
    let at = Tensor::ints(&at).reshape(vec![ins, outs])?;
    let at = c.b.constant(format!("{}/kernel_index", c.b.scope()), at);
    let kernel = c.weight("kernel")?;
    let zero = Tensor::from_f64s(c.b.dtype(kernel), &[1], &[0.0])?;
    let zero = c.b.constant("", zero);
    let kernel = c.b.concat(&[zero, kernel], 0)?;
    let kernel = c.b.one(Op::Gather { axis: 0 }, &[kernel, at])?;
    c.b.one(Op::MatMul, &[flat, kernel])
}
