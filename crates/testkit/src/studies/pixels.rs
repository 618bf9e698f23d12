//! Textured phantoms: bodies, lungs, breasts, vessels and noise, so that images compress and look as images do.

use crate::rng::Rng;

/// Two numbers in the unit disc where the picture is: x to the right, y down.
struct Grid {
    columns: usize,
    rows: usize,
}

impl Grid {
    /// Every pixel by its place from -1 to 1, row after row.
    fn places(&self) -> impl Iterator<Item = (f32, f32)> + '_ {
        let scale = |i: usize, n: usize| (2.0 * i as f32 + 1.0) / n as f32 - 1.0;
        (0..self.rows)
            .flat_map(move |r| (0..self.columns).map(move |c| (scale(c, self.columns), scale(r, self.rows))))
    }
}

/// Whether a place lies in an ellipse.
fn inside(x: f32, y: f32, centre: (f32, f32), radii: (f32, f32)) -> bool {
    let (dx, dy) = ((x - centre.0) / radii.0, (y - centre.1) / radii.1);
    dx * dx + dy * dy < 1.0
}

/// Near to normal noise of a given width, one draw for four pixels.
struct Noise {
    rng: Rng,
    word: u64,
    left: u8,
}

impl Noise {
    fn new(rng: Rng) -> Noise {
        Noise { rng, word: 0, left: 0 }
    }
    /// The sum of two even draws: a triangle from `-width` to `width`.
    fn draw(&mut self, width: f32) -> f32 {
        if self.left == 0 {
            self.word = self.rng.next_u64();
            self.left = 4;
        }
        self.left -= 1;
        let (a, b) = ((self.word & 0xff) as f32, ((self.word >> 8) & 0xff) as f32);
        self.word >>= 16;
        (a + b - 255.0) / 255.0 * width
    }
}

/// CT in Hounsfield units, signed; `-2000` outside the field of view. `depth` runs from 0 to 1 through the body.
pub fn ct_slice(rng: Rng, size: usize, depth: f32) -> Vec<i16> {
    let mut noise = Noise::new(rng);
    let lung = 0.30 + 0.12 * (depth * std::f32::consts::PI).sin();
    let grid = Grid { columns: size, rows: size };
    grid.places()
        .map(|(x, y)| {
            if x * x + y * y > 0.98 {
                return -2000;
            }
            let tissue = if inside(x, y, (0.45, -0.1 + 0.2 * depth), (0.04, 0.04)) {
                55.0 // the nodule, which moves from slice to slice
            } else if inside(x, y, (0.0, 0.42), (0.13, 0.13)) {
                700.0 // a vertebra
            } else if inside(x, y, (0.06, 0.0), (0.16, 0.2)) {
                180.0 // the heart with contrast
            } else if inside(x, y, (-0.38, 0.0), (lung, 0.42)) || inside(x, y, (0.38, 0.0), (lung, 0.42)) {
                -820.0 + 60.0 * (x * 40.0).sin() * (y * 36.0).cos()
            } else if inside(x, y, (0.0, 0.0), (0.8, 0.62)) {
                45.0
            } else if inside(x, y, (0.0, 0.0), (0.86, 0.68)) {
                -95.0 // fat
            } else {
                -1000.0
            };
            (tissue + noise.draw(if tissue < -900.0 { 8.0 } else { 22.0 })) as i16
        })
        .collect()
}

/// A mammogram of so many bits, dense is high. The breast lies against the left edge, or the right one.
pub fn mammogram(
    rng: Rng,
    columns: usize,
    rows: usize,
    bits: u32,
    on_the_right: bool,
    oblique: bool,
) -> Vec<u16> {
    let mut noise = Noise::new(rng);
    let top = ((1_u32 << bits) - 1) as f32;
    let grid = Grid { columns, rows };
    grid.places()
        .map(|(x, y)| {
            let from_wall = if on_the_right { 1.0 - x } else { x + 1.0 };
            let reach = 1.45 * (1.0 - (y * 1.12) * (y * 1.12)).max(0.0).sqrt();
            if oblique && from_wall < 0.55 * (-y - 0.1) {
                return (top * 0.78 + noise.draw(top * 0.02)) as u16; // the pectoral muscle
            }
            if from_wall > reach {
                return 0;
            }
            let thickness = 1.0 - from_wall / reach.max(0.01);
            let glandular =
                0.16 * (x * 23.0 + (y * 17.0).sin() * 3.0).sin() * (y * 19.0 + (x * 13.0).cos() * 2.0).cos();
            let calcification = if inside(x, y, (-0.35, 0.12), (0.012, 0.01)) { 0.3 } else { 0.0 };
            let density = 0.30 + 0.32 * thickness.sqrt() + glandular * thickness + calcification;
            (density.clamp(0.02, 1.0) * top * 0.95 + noise.draw(top * 0.012)).clamp(0.0, top) as u16
        })
        .collect()
}

/// MR, 12 bits, sagittal: discs, cord and fat.
pub fn mr_slice(rng: Rng, size: usize, depth: f32) -> Vec<u16> {
    let mut noise = Noise::new(rng);
    let grid = Grid { columns: size, rows: size };
    grid.places()
        .map(|(x, y)| {
            let spine = 0.1 * (y * 2.0).sin();
            let signal = if !(-0.7..=0.82).contains(&x) {
                0.0
            } else if (x - spine - 0.25).abs() < 0.06 + 0.02 * depth {
                2600.0 // cerebrospinal fluid
            } else if (x - spine).abs() < 0.17 {
                if (y * 16.0).sin() > 0.72 { 1500.0 } else { 900.0 }
            } else if x > 0.62 {
                2100.0
            } else {
                420.0 + 120.0 * (x * 31.0 + y * 13.0).sin()
            };
            (signal + noise.draw(70.0)).clamp(0.0, 4095.0) as u16
        })
        .collect()
}

/// Ultrasound, RGB by pixel: a speckled sector and a patch of colour Doppler that beats with `phase` (0 to 1).
pub fn ultrasound_frame(rng: Rng, columns: usize, rows: usize, phase: f32) -> Vec<u8> {
    let mut noise = Noise::new(rng);
    let beat = (phase * std::f32::consts::TAU).sin();
    let grid = Grid { columns, rows };
    grid.places()
        .flat_map(|(x, y)| {
            let (depth, side) = (y + 1.0, x);
            if depth < 0.1 || side.abs() > depth * 0.62 || depth * depth + side * side > 3.6 {
                return [0, 0, 0];
            }
            let echo =
                (110.0 - 30.0 * depth + noise.draw(90.0) * (depth * 26.0).sin().abs()).clamp(0.0, 255.0);
            if inside(x, y, (0.05 * beat, 0.1), (0.14, 0.1 + 0.02 * beat)) {
                if beat >= 0.0 {
                    [200, (40.0 + 60.0 * beat) as u8, 20]
                } else {
                    [20, 60, (200.0 + 50.0 * -beat) as u8]
                }
            } else {
                [echo as u8; 3]
            }
        })
        .collect()
}
