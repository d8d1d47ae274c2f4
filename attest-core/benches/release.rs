//! Releases as a verifier weighs them: one that five people approved, as a ratio to the bare signature checks in it; then the log of many, read
//! for the first time, and once more with one more in it. `-- 100000` says how many.
#![expect(clippy::expect_used, reason = "a benchmark: what fails ends it")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod clock;

use std::hint::black_box;

use attest_core::Limits;
use attest_core::release::Name;
use attest_core::release::bench::Releases;
use attest_core::release::catalogue::{Catalogue, Floors};
use attest_core::release::choice::{AcceptedTiers, Choice};
use attest_core::release::evaluate::{Now, Weighing, evaluate};
use ring::signature::{ED25519, UnparsedPublicKey};
use sha2::{Digest as _, Sha512};

use clock::{fastest, time};

const ROUNDS: usize = 200;
const LIMITS: &Limits = &Limits::DEFAULT;

fn main() {
    weighing();
    let said = std::env::args().find_map(|argument| argument.parse().ok());
    for count in said.map_or(vec![100, 1_000], |count| vec![count]) {
        loading(count);
    }
}

fn weighing() {
    let releases = Releases::new(1);
    let view = releases.view();
    let now = Now { clock: releases.now, is_confirmed: true };
    let floors = Floors::new();
    let by = Weighing { view: &view, now, floors: &floors, limits: LIMITS };
    let (mut floor, mut work) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        floor.push(time(|| checks(&releases)));
        work.push(time(|| drop(black_box(evaluate(&releases.last, &[], &by).expect("it counts")))));
    }
    let micros = |times| fastest(times).as_secs_f64() * 1e6;
    let (floor, work) = (micros(floor), micros(work));
    let (bytes, signatures) = (releases.last.len(), releases.signed.len());
    println!(
        "a bundle of {bytes} bytes: {signatures} signature checks {floor:.0} us, evaluate {work:.0} us   ratio {:.2}",
        work / floor
    );
}

/// The signature checks alone, of keys that are at hand.
fn checks(releases: &Releases) {
    for length in &releases.texts {
        black_box(Sha512::digest(vec![7; *length]));
    }
    for (key, message, signature) in &releases.signed {
        let key = UnparsedPublicKey::new(&ED25519, key);
        key.verify(message, signature).expect("signed");
    }
}

fn loading(count: usize) {
    let releases = Releases::new(count);
    let now = Now { clock: releases.now, is_confirmed: true };
    let replayed = time(|| drop(black_box(releases.view())));
    let view = releases.view();
    let weighed = time(|| {
        let catalogue = Catalogue::load(&view, &releases.objects, &Floors::new(), now, LIMITS);
        assert_eq!(catalogue.releases().count(), count, "each of them counts");
    });
    let before = Catalogue::load(&releases.view_before(), &releases.objects, &Floors::new(), now, LIMITS);
    let again = time(|| {
        let catalogue = before.again(&view, &releases.objects, before.floors(), now, LIMITS);
        assert_eq!(catalogue.releases().count(), count, "each of them counts");
    });
    let family = Name::try_from("gateway").expect("a name");
    let offered = time(|| drop(black_box(Choice::new(&family, &before, &AcceptedTiers::default()))));
    let floor = time(|| (0..count).for_each(|_| checks(&releases)));
    let ratio = weighed.as_secs_f64() / floor.as_secs_f64();
    println!(
        "{count:>7} releases, {} leaves: replayed in {:.2} s, weighed in {:.2} s   ratio to their signature checks {ratio:.2}\n        after one more: weighed again in {:.3} s, found by what devices measure in {:.2} s",
        releases.leaves.len(),
        replayed.as_secs_f64(),
        weighed.as_secs_f64(),
        again.as_secs_f64(),
        offered.as_secs_f64(),
    );
}
