//! Layouts of random graphs: nothing overlaps, every edge goes down, the same sketch gives the same layout.

use super::*;

/// Numbers that are the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n.max(1)
    }
}

fn random(seed: u64, count: usize, more: usize) -> Sketch {
    let mut dice = Dice(seed);
    let mut sketch = Sketch { widths: (0..count).map(|_| 60 + dice.below(140) as i32).collect(), ..Sketch::default() };
    for to in 1..count {
        for _ in 0..=dice.below(2 + more) {
            sketch.edges.push((to - 1 - dice.below(to.min(9)), to));
        }
    }
    sketch
}

fn check(sketch: &Sketch) {
    let found = layout(sketch);
    let area = |i: usize| {
        let ((x, y), w) = (found.boxes[i], sketch.widths[i]);
        (x - w / 2, x + w / 2, y)
    };
    let count = sketch.widths.len();
    let port = |i: usize| Some(i) == sketch.entry || Some(i) == sketch.exit;
    for a in (0..count).filter(|&a| !port(a)) {
        let (left, right, top) = area(a);
        assert!(left >= 0 && right <= found.width && top >= 0 && top + HEIGHT <= found.height, "{a} is outside");
        for b in (a + 1..count).filter(|&b| !port(b)) {
            let (l, r, t) = area(b);
            assert!(right < l || r < left || top + HEIGHT < t || t + HEIGHT < top, "{a} lies on {b}");
        }
    }
    for route in &found.routes {
        let (from, to) = (found.boxes[route.from], found.boxes[route.to]);
        let (first, last) = (route.points[0], route.points[route.points.len() - 1]);
        let height = if port(route.from) { 0 } else { HEIGHT };
        assert_eq!((first, last), ((from.0, from.1 + height), to));
        assert!(route.points.is_sorted_by(|a, b| a.1 < b.1), "{route:?} goes up");
        for box_ in (0..count).filter(|&i| i != route.from && i != route.to && !port(i)) {
            let (left, right, top) = area(box_);
            let through = |p: &[(i32, i32)]| p[0].0 == p[1].0 && p[0].1 <= top && p[1].1 >= top + HEIGHT;
            let hits = route.points.windows(2).any(|p| through(p) && p[0].0 >= left && p[0].0 <= right);
            assert!(!hits, "{route:?} goes through box {box_}");
        }
    }
    let mut wanted: Vec<_> = sketch.edges.iter().copied().filter(|&(a, b)| a < b && b < count).collect();
    wanted.sort_unstable();
    wanted.dedup();
    assert_eq!(found.routes.iter().map(|r| (r.from, r.to)).collect::<Vec<_>>(), wanted);
    assert_eq!(found, layout(sketch));
}

#[test]
fn boxes_do_not_overlap_and_edges_go_down() {
    for seed in 0..40 {
        check(&random(seed, 2 + seed as usize * 2, seed as usize % 3));
    }
}

#[test]
fn edges_come_in_above_and_leave_below() {
    for seed in 0..20 {
        let mut sketch = random(seed, 12, 1);
        let last = sketch.widths.len() - 1;
        (sketch.widths[0], sketch.widths[last]) = (1, 1);
        (sketch.entry, sketch.exit) = (Some(0), Some(last));
        check(&sketch);
        let found = layout(&sketch);
        assert_eq!(found.boxes[0].1, 0);
        assert_eq!(found.boxes[last].1, found.height);
    }
}

#[test]
fn what_can_be_drawn_without_a_crossing_is() {
    // Two chains, whose boxes come in turns.
    let edges = (0..16).map(|i| (i, i + 2)).collect();
    let sketch = Sketch { widths: vec![80; 18], edges, ..Sketch::default() };
    check(&sketch);
    let found = layout(&sketch);
    assert!(
        found.routes.iter().all(|r| r.points.iter().all(|p| p.0 == r.points[0].0)),
        "chains are straight: {found:?}"
    );
}

#[test]
fn a_shortcut_passes_beside_the_chain() {
    let mut edges: Vec<_> = (0..6).map(|i| (i, i + 1)).collect();
    edges.push((0, 6));
    check(&Sketch { widths: vec![90; 7], edges, ..Sketch::default() });
}

#[test]
fn nothing_and_one_box_are_laid_out() {
    assert_eq!(layout(&Sketch::default()), Layout::default());
    check(&Sketch { widths: vec![50], edges: vec![(0, 0), (0, 7)], ..Sketch::default() });
}

#[test]
fn a_box_that_all_lead_to_takes_one_line_from_each() {
    let mut sketch = random(7, 60, 2);
    sketch.edges.extend((0..59).map(|i| (i, 59)));
    check(&sketch);
}
