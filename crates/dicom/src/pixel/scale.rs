//! Fitting a picture into a viewport: areas averaged when smaller, neighbours blended when larger (PS3.18 8.3.5.1.3).

use super::render::Rendered;

/// Pixels of a viewport on either side; larger ones are cut to this.
const SIDE_MAX: u32 = 16_384;

/// The largest picture of the same shape that fits.
pub fn fit(picture: &Rendered, width: u32, height: u32) -> Rendered {
    let (width, height) = (width.clamp(1, SIDE_MAX) as usize, height.clamp(1, SIDE_MAX) as usize);
    let factor = (width as f64 / picture.width as f64).min(height as f64 / picture.height as f64);
    let side = |length: usize, limit: usize| ((length as f64 * factor).round() as usize).clamp(1, limit);
    let (width, height) = (side(picture.width, width), side(picture.height, height));
    if (width, height) == (picture.width, picture.height) {
        return picture.clone();
    }
    let columns = weights(picture.width, width);
    let rows = weights(picture.height, height);
    let samples = picture.samples;
    // First the columns of every row, then the rows.
    let mut narrow = vec![0.0_f32; width * picture.height * samples];
    for y in 0..picture.height {
        let line = &picture.data[y * picture.width * samples..][..picture.width * samples];
        for (x, spread) in columns.iter().enumerate() {
            for sample in 0..samples {
                let sum =
                    spread.iter().map(|(at, weight)| f32::from(line[at * samples + sample]) * weight).sum();
                narrow[(y * width + x) * samples + sample] = sum;
            }
        }
    }
    let mut data = Vec::with_capacity(width * height * samples);
    let stride = width * samples;
    for spread in &rows {
        for at in 0..stride {
            let sum: f32 = spread.iter().map(|(y, weight)| narrow[y * stride + at] * weight).sum();
            data.push(sum.round().clamp(0.0, 255.0) as u8);
        }
    }
    Rendered { width, height, samples, data }
}

/// For each target position, the source positions it is made of with their weights, which sum to one.
fn weights(from: usize, to: usize) -> Vec<Vec<(usize, f32)>> {
    let step = from as f64 / to as f64;
    let one = |target: usize| -> Vec<(usize, f32)> {
        if step >= 1.0 {
            let (start, end) = (target as f64 * step, ((target + 1) as f64 * step).min(from as f64));
            let cells = (start as usize)..(end.ceil() as usize).min(from);
            let share =
                |cell: usize| (end.min((cell + 1) as f64) - start.max(cell as f64)).max(0.0) / (end - start);
            return cells.map(|cell| (cell, share(cell) as f32)).collect();
        }
        let center = ((target as f64 + 0.5) * step - 0.5).clamp(0.0, (from - 1) as f64);
        let low = center.floor() as usize;
        let share = (center - low as f64) as f32;
        vec![(low, 1.0 - share), ((low + 1).min(from - 1), share)]
    };
    (0..to).map(one).collect()
}
