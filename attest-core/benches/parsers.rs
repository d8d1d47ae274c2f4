//! What the worst bytes cost each parser, beside as many honest ones for the same parser, in one run. Event logs: `--bench hostile`.
//!
//! A word behind `--` measures the parsers alone whose names hold it. Where a shape is shorter than the measure, what counts is the cost of
//! a byte.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a benchmark: what fails ends it")]
#![expect(
    clippy::disallowed_methods,
    clippy::arithmetic_side_effects,
    reason = "a benchmark reads the clock"
)]

mod clock;
mod inputs;

use std::time::Duration;

const ROUNDS: usize = 9;

fn main() {
    let wanted = std::env::args().skip(1).find(|arg| !arg.starts_with("--")).unwrap_or_default();
    for parser in inputs::parsers().filter(|parser| parser.name.contains(&wanted)) {
        println!("{}", parser.name);
        let shapes = (parser.shapes)();
        let (_, measure) = &shapes[0];
        for (name, bytes) in &shapes {
            // Both in turns, so that other work on the machine meets both.
            let (mut honest, mut this, mut result) = (Vec::new(), Vec::new(), Ok(()));
            for _ in 0..ROUNDS {
                honest.push(clock::time(|| (parser.read)(measure).expect("honest input is read")));
                this.push(clock::time(|| result = (parser.read)(bytes)));
            }
            let (honest, this) = (clock::fastest(honest), clock::fastest(this));
            println!(
                "  {name:<36} {:>5} KB {:>9.0} us {:>7.2} {:>7.2} a byte   {}",
                bytes.len() / 1024,
                this.as_secs_f64() * 1e6,
                this.as_secs_f64() / honest.as_secs_f64(),
                a_byte(this, bytes) / a_byte(honest, measure),
                result.err().unwrap_or_default().chars().take(100).collect::<String>(),
            );
        }
    }
}

fn a_byte(time: Duration, bytes: &[u8]) -> f64 {
    time.as_secs_f64() / f64::from(u32::try_from(bytes.len()).expect("a megabyte"))
}
