//! Which release a boot is judged by, and what becomes of the verdict.

use super::*;
use crate::appraise::Status;
use crate::authenticate::{AttestationKey, Challenge, Nonce};
use crate::evidence::tcg_log::EventLog;
use crate::evidence::{Bundle, Evidence};
use crate::reference::corim::{Validity, profile};
use crate::reference::golden::{self, Golden};
use crate::reference::learn::{Boot, Choices, learn};
use crate::release::choice::AcceptedTiers;
use crate::release::object::ObjectId;
use crate::release::policy::{Custody, Family, Tier, Weakness};
use crate::release::statement::{Revocation, Revoked, Text};
use crate::release::testing::history::*;
use crate::release::testing::play::*;
use crate::release::testing::*;
use crate::testing::fixture;
use crate::{Limits, Timestamp};

mod several;
mod time;
mod weakness;

/// The captured boot with GRUB, quoted.
fn evidence() -> AuthenticEvidence<'static> {
    let sent = Evidence {
        attest: fixture!("boots/sb-grub/quote-ecc.attest"),
        signature: fixture!("boots/sb-grub/quote-ecc.sig"),
        event_log: Some(fixture!("boots/sb-grub/eventlog.bin")),
        ima: Some(fixture!("boots/sb-grub/ima.bin")),
        ..Evidence::default()
    };
    let bundle = Bundle::parse(sent, &Limits::DEFAULT).unwrap();
    let key = AttestationKey::vouched(fixture!("boots/sb-grub/ak-ecc.pub"), &Limits::DEFAULT).unwrap();
    let nonce = hex::decode(fixture!("boots/sb-grub/nonce.hex").trim_ascii()).unwrap();
    let challenge = Challenge::offline(Nonce::given(&nonce).unwrap());
    AuthenticEvidence::authenticate(bundle, &key, challenge, Timestamp::from_unix(0)).unwrap()
}

/// The golden values of the same machine with another initrd.
fn other() -> Golden {
    let log = EventLog::parse(fixture!("boots/sb-initrd/eventlog.bin"), &Limits::DEFAULT).unwrap();
    let evidence = golden::Evidence::Quoted;
    let boot = Boot { name: "other", log: &log, userspace: None, evidence, files: None };
    learn("gateway", &[boot], &Choices::default()).unwrap()
}

fn own() -> Golden {
    golden("gateway")
}

/// One more release.
fn release(history: &mut History, golden: &Golden, change: impl FnOnce(&mut Play)) -> ObjectId {
    let edition = u64::try_from(history.leaves.len()).unwrap();
    let mut play = Play::of(history.clone(), &corim(golden, edition), "erin");
    (play.request.authority, play.request.policy) = (history.authority, history.authority);
    change(&mut play);
    play.all();
    *history = play.history.clone();
    play.id()
}

fn by(channel: &str) -> impl FnOnce(&mut Play) {
    let channel = name(channel);
    move |play| play.request.channel = channel
}

fn urgent(play: &mut Play) {
    *play = play.clone().emergency();
}

/// What was weighed at one time, asked at another.
struct Asked {
    choice: Choice,
    view: LogView,
    now: Now,
    is_forked: bool,
}

impl Asked {
    fn of(history: &History) -> Self {
        Self::accepting(history, &AcceptedTiers::default())
    }

    fn accepting(history: &History, accepted: &AcceptedTiers) -> Self {
        let choice = Choice::new(&name("gateway"), &catalogue(history, history.clock), accepted);
        let now = Now { clock: at(history.clock), is_confirmed: true };
        Self { choice, view: history.view().unwrap(), now, is_forked: false }
    }

    fn at(mut self, clock: u64) -> Self {
        self.now.clock = at(clock);
        self
    }

    fn releases(&self) -> Releases<'_> {
        Releases { choice: &self.choice, view: &self.view, now: self.now, is_forked: self.is_forked }
    }

    fn verdict(&self) -> Verdict {
        let context = Context { family: "gateway".into(), ..Context::default() };
        Policy::default().appraise_released(&evidence(), &[], &self.releases(), &|_| Ok(None), &context)
    }
}

fn of_release(verdict: &Verdict, id: ObjectId) -> bool {
    verdict.golden.release == Some(id.to_string())
}

/// The codes of warnings and refusals about the evidence, with the detail's where there is one.
fn found(verdict: &Verdict) -> Vec<&'static str> {
    let told = |r: &&Reason| {
        // The key came without its attributes.
        r.part == Part::Evidence && r.severity != Severity::Info && r.code != Code::AkAttributesUnproven
    };
    verdict.reasons.iter().filter(told).map(|r| r.detail_code.unwrap_or(r.code.as_str())).collect()
}

#[test]
fn the_release_that_explains_the_boot_is_named() {
    for own_first in [true, false] {
        let mut history = History::new();
        let mut mine = None;
        for is_own in [own_first, !own_first] {
            let id = release(&mut history, &if is_own { own() } else { other() }, |_| {});
            mine = mine.or(is_own.then_some(id));
        }
        let asked = Asked::of(&history);
        let verdict = asked.verdict();
        assert_eq!((verdict.status, found(&verdict)), (Status::Affirming, vec![]));
        assert!(of_release(&verdict, mine.unwrap()), "{own_first}");
        assert_eq!((verdict.golden.source, verdict.golden.tier.as_deref()), ("release", Some("production")));
        let governed = verdict.golden.governed.as_ref().unwrap();
        let place = asked.choice.offers().iter().find(|offer| of_release(&verdict, offer.release().id()));
        assert_eq!(governed.log_index, place.unwrap().release().published().index);
        assert_eq!(governed.authority, history.authority.to_string());
        assert_eq!(governed.gates.len(), 13);
        assert_eq!(
            verdict.valid_until,
            Some(at(history.clock + 7 * DAY)),
            "no longer than the view is known"
        );
    }
}

#[test]
fn a_boot_that_no_release_explains_is_told_against_the_newest_of_the_best_tier() {
    let mut history = History::new();
    release(&mut history, &other(), |_| {});
    let newest = release(&mut history, &other(), |_| {});
    release(&mut history, &other(), by("nightly"));
    release(&mut history, &other(), urgent);
    let verdict = Asked::of(&history).verdict();
    assert_eq!(verdict.status, Status::Contraindicated);
    assert!(of_release(&verdict, newest));
    assert!(verdict.reasons.iter().any(|reason| reason.code == Code::GoldenMismatch));
}

#[test]
fn what_no_release_lists_is_said_of_proven_evidence_alone() {
    let mut history = History::new();
    assert_eq!(Asked::of(&history).verdict().is_released(), Some(false), "there is none");
    release(&mut history, &other(), |_| {});
    assert_eq!(Asked::of(&history).verdict().is_released(), Some(false), "there is another");
    let id = release(&mut history, &own(), by("lab"));
    assert_eq!(Asked::of(&history).verdict().is_released(), Some(true), "listed, and not accepted");
    release(&mut history, &own(), |_| {});
    assert_eq!(Asked::of(&history).verdict().is_released(), Some(true));
    history.revoke(&revocation("dave", Revoked::Request(id)));
    assert_eq!(Asked::of(&history).verdict().is_released(), Some(true), "listed, and taken back");
    let asked = Asked::of(&history);
    let context = Context { family: "gateway".into(), ..Context::default() };
    let refused = |_: &ReferenceSet| Err(("overlay_signature", String::new()));
    let judge = |overlaying: Overlaying<'_>| {
        Policy::default().appraise_released(&evidence(), &[], &asked.releases(), overlaying, &context)
    };
    assert_eq!(judge(&refused).is_released(), None, "nobody looked");
    let forged = Policy::default().refuse("quote_signature", "", asked.releases().source(), &context);
    assert_eq!(forged.is_released(), None);
    let development = ReferenceSet::development(other()).unwrap();
    let verdict = Policy::default().appraise(&evidence(), &development, &context);
    assert_eq!((verdict.status, verdict.is_released()), (Status::Contraindicated, None));
}

#[test]
fn what_a_key_in_a_file_signed_is_said_to_be() {
    for (custody, is_file) in [(Custody::File, true), (Custody::OnlineIntermediate, false)] {
        let mut history = History::of(|policy| {
            policy.signing_keys.get_mut("gateway-corim").unwrap().custody = custody;
        });
        release(&mut history, &own(), |play| {
            (play.request.channel, play.request.sign[0].custody) = (name("nightly"), custody);
        });
        let verdict = Asked::accepting(&history, &[Tier::Delegated].into_iter().collect()).verdict();
        assert_eq!(found(&verdict), ["release_low_assurance"]);
        let told = verdict.reasons.iter().any(|reason| reason.explain.contains("with a key in a file"));
        assert_eq!((told, verdict.golden.is_development()), (is_file, is_file), "{:?}", verdict.reasons);
    }
}

#[test]
fn inv16_values_of_a_lower_tier_are_not_production_s() {
    for (channel, tier) in [("lab", Tier::Dev), ("nightly", Tier::Delegated)] {
        let mut history = History::new();
        let id = release(&mut history, &own(), by(channel));
        let verdict = Asked::of(&history).verdict();
        assert_eq!(verdict.status, Status::Contraindicated, "{channel}");
        assert_eq!(found(&verdict), ["release_tier_not_accepted"]);
        assert!(of_release(&verdict, id), "it is said which one was booted");
        let asked = Asked::accepting(&history, &[tier].into_iter().collect());
        let verdict = asked.verdict();
        let told = vec!["release_low_assurance"];
        assert_eq!((verdict.status, found(&verdict)), (Status::Affirming, told), "nobody had to approve it");
        assert_eq!(verdict.golden.is_development(), tier == Tier::Dev);
        assert_eq!(verdict.golden.tier.as_deref(), Some(tier.name()));
    }
    let mut history = History::new();
    release(&mut history, &own(), |_| {});
    let verdict = Asked::accepting(&history, &[Tier::Dev].into_iter().collect()).verdict();
    assert_eq!(found(&verdict), ["release_tier_not_accepted"], "a set, and no least one");
}

#[test]
fn a_revocation_counts_before_the_releases_are_weighed_again() {
    let mut history = History::new();
    let id = release(&mut history, &own(), |_| {});
    let before = Asked::of(&history);
    history.revoke(&revocation("dave", Revoked::Request(id)));
    let asked = Asked { view: history.view().unwrap(), ..before };
    for asked in [asked, Asked::of(&history)] {
        let verdict = asked.verdict();
        assert_eq!((verdict.status, found(&verdict)), (Status::Contraindicated, vec!["release_revoked"]));
        assert!(of_release(&verdict, id), "it is said which one was booted");
    }
}

#[test]
fn inv9_what_fell_below_the_floor_is_named_and_refused() {
    let mut history = History::new();
    let old = release(&mut history, &own(), |_| {});
    release(&mut history, &other(), |play| play.request.security_version = 5);
    let verdict = Asked::of(&history).verdict();
    assert_eq!((verdict.status, found(&verdict)), (Status::Contraindicated, vec!["release_below_floor"]));
    assert!(of_release(&verdict, old));
}

#[test]
fn what_was_never_a_release_is_not_held_against_a_boot() {
    let mut history = History::new();
    release(&mut history, &own(), |play| play.seed = 32);
    let verdict = Asked::of(&history).verdict();
    assert_eq!((verdict.status, found(&verdict)), (Status::Contraindicated, vec!["release_missing"]));
    assert_eq!((verdict.golden.source, verdict.golden.release.as_deref()), ("release", None));
    assert!(verdict.proven.is_some(), "what the quote proves stays");
}

#[test]
fn what_too_few_approved_is_not_held_against_a_boot() {
    let mut play = Play::of(History::new(), &corim(&own(), 1), "erin");
    play.submit("ci");
    play.approve("alice");
    play.finish();
    let verdict = Asked::of(&play.history).verdict();
    assert_eq!((verdict.status, found(&verdict)), (Status::Contraindicated, vec!["release_missing"]));
}

#[test]
fn a68_two_witnessed_histories_refuse_both() {
    let mut history = History::new();
    release(&mut history, &own(), |_| {});
    let verdict = Asked { is_forked: true, ..Asked::of(&history) }.verdict();
    assert_eq!((verdict.status, found(&verdict)), (Status::Contraindicated, vec!["release_log_forked"]));
}

#[test]
fn a_revocation_counts_wherever_it_comes_from() {
    let mut history = History::new();
    let id = release(&mut history, &own(), |_| {});
    let before = Asked::of(&history);
    let held = |who: &str| {
        let statement = bytes(&revocation(who, Revoked::Request(id)));
        before.view.holding(&statement, before.view.next_place(), &history.objects, &Limits::DEFAULT)
    };
    assert_eq!(held("bob").unwrap_err().code(), "revocation_does_not_count", "no revoker");
    let asked = Asked { view: held("dave").unwrap(), ..before };
    assert_eq!(found(&asked.verdict()), ["release_revoked"]);
}

#[test]
fn an_overlay_that_does_not_count_refuses() {
    let mut history = History::new();
    release(&mut history, &own(), |_| {});
    let asked = Asked::of(&history);
    let context = Context { family: "gateway".into(), ..Context::default() };
    let refused = |_: &ReferenceSet| Err(("overlay_expired", "over".to_owned()));
    let verdict =
        Policy::default().appraise_released(&evidence(), &[], &asked.releases(), &refused, &context);
    assert_eq!((verdict.status, found(&verdict)), (Status::Contraindicated, vec!["overlay_expired"]));
}

#[test]
fn where_values_come_from_is_said_before_anything_is_judged() {
    let mut history = History::new();
    assert_eq!(Asked::of(&history).releases().source(), GoldenSource::no_release());
    let id = release(&mut history, &other(), |_| {});
    assert_eq!(Asked::of(&history).releases().source().release, Some(id.to_string()));
}
