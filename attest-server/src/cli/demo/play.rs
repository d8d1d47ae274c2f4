//! Plays scenes against a server, and notes how they ended.

use std::time::Instant;

use attest_core::result::VerifyingKey;
use attest_proto::v1::{self, VerifyResponse};
use serde::Serialize;
use tonic::transport::Channel;

use super::{
    Problem,
    device::{Device, Refusal},
    maker::Maker,
    scenes::{Act, Scene},
    soft_tpm::{AK_ATTRIBUTES, SoftTpm, UNRESTRICTED_ATTRIBUTES},
};

/// Where devices enrol and attest.
pub(super) struct Stage {
    pub(super) channel: Channel,
    pub(super) family: &'static str,
    pub(super) maker: Maker,
    pub(super) unknown_maker: Maker,
    pub(super) serial: u8,
}

/// How a scene ended.
#[derive(Serialize)]
pub(super) struct Outcome {
    pub(super) name: &'static str,
    /// The id that the server gave; none if the device was not enrolled.
    pub(super) device: Option<String>,
    /// The verdict's status, or `not_enrolled`.
    pub(super) status: &'static str,
    /// The likely causes, most telling first.
    pub(super) causes: Vec<Place>,
    /// Why it was refused.
    pub(super) reasons: Vec<Reason>,
    pub(super) milliseconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ear_jwt: Option<String>,
    /// Ended as it must.
    pub(super) as_expected: bool,
    #[serde(skip)]
    pub(super) token: Option<Token>,
}

/// What follows from a cause, and where it shows first.
#[derive(Serialize)]
pub(super) struct Place {
    pub(super) cause: String,
    pub(super) component: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pcr: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<u32>,
}

/// A reason to refuse.
#[derive(Serialize)]
pub(super) struct Reason {
    pub(super) code: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) component: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pcr: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<u32>,
    pub(super) explain: String,
}

impl Outcome {
    /// The reason that tells most: the one that the scene is about, that of the first cause's place, or else the first one.
    pub(super) fn main_reason(&self, about: Option<&str>) -> Option<&Reason> {
        let exactly = self.reasons.iter().find(|reason| Some(reason.code.as_str()) == about);
        let of_cause = self.causes.first().and_then(|cause| {
            let here = |reason: &&Reason| (reason.pcr, reason.event) == (cause.pcr, cause.event);
            let named = |reason: &&Reason| reason.component == cause.component && reason.pcr == cause.pcr;
            self.reasons.iter().find(named).or_else(|| self.reasons.iter().find(here))
        });
        exactly.or(of_cause).or(self.reasons.first())
    }
}

/// A result and the key it is bound to.
pub(super) struct Token {
    pub(super) jwt: String,
    pub(super) subject: VerifyingKey,
    pub(super) nonce: Vec<u8>,
}

struct Answer {
    device: Device,
    nonce: Vec<u8>,
    reply: VerifyResponse,
    milliseconds: f64,
}

impl Stage {
    /// Plays one scene with a new device.
    pub(super) async fn play(&mut self, scene: &Scene) -> Result<Outcome, Problem> {
        match self.act(&scene.act).await {
            Ok(answer) => Ok(judged(scene, answer)),
            Err(Refusal::Server { code, message }) => Ok(not_enrolled(scene, code, message)),
            Err(Refusal::Problem(problem)) => Err(problem),
        }
    }

    async fn act(&mut self, act: &Act) -> Result<Answer, Refusal> {
        let serial = self.serial()?;
        let tpm = match act {
            Act::UnrestrictedKey => SoftTpm::new(&self.maker, serial, UNRESTRICTED_ATTRIBUTES)?,
            Act::UnknownMaker => SoftTpm::new(&self.unknown_maker, serial, AK_ATTRIBUTES)?,
            _ => SoftTpm::new(&self.maker, serial, AK_ATTRIBUTES)?,
        };
        let device = Device::enrol(&self.channel, tpm, self.family).await?;
        let asked = device.ask(&self.channel).await?;
        let (quote, booted, sent) = match act {
            Act::Honest(boot) => (device.quote(boot, &asked)?, boot, boot),
            Act::OtherLog { booted, sent } => (device.quote(booted, &asked)?, booted, sent),
            Act::Replay(boot) => {
                let earlier = device.ask(&self.channel).await?;
                (device.quote(boot, &earlier)?, boot, boot)
            }
            Act::OtherKey(boot) => {
                let serial = self.serial()?;
                let tpm = SoftTpm::new(&self.maker, serial, AK_ATTRIBUTES)?;
                let other = Device::enrol(&self.channel, tpm, self.family).await?;
                (other.quote(boot, &asked)?, boot, boot)
            }
            Act::UnrestrictedKey | Act::UnknownMaker => {
                return Err(Problem::new("a device was enrolled that must not be").into());
            }
        };
        let nonce = asked.nonce.clone();
        let started = Instant::now();
        let reply = asked.answer(&self.channel, quote, sent, booted).await?;
        let milliseconds = (started.elapsed().as_secs_f64() * 1e4).round() / 10.0;
        Ok(Answer { device, nonce, reply, milliseconds })
    }

    fn serial(&mut self) -> Result<u8, Problem> {
        // Positive in one byte of DER: the demonstration has a dozen devices.
        self.serial = self
            .serial
            .checked_add(1)
            .filter(|serial| *serial < 0x80)
            .ok_or_else(|| Problem::new("too many devices"))?;
        Ok(self.serial)
    }
}

fn judged(scene: &Scene, answer: Answer) -> Outcome {
    let verdict = answer.reply.verdict.unwrap_or_default();
    let status = match verdict.status() {
        v1::Status::Affirming => "affirming",
        v1::Status::Warning => "warning",
        v1::Status::Contraindicated => "contraindicated",
        v1::Status::None | v1::Status::Unspecified => "none",
    };
    let causes: Vec<_> = verdict.causes.into_iter().map(place).collect();
    let refusing = verdict.reasons.into_iter().filter(|reason| reason.severity == "refuse");
    let reasons: Vec<_> = refusing.map(reason).collect();
    let as_expected = match scene.refused_for {
        None => status == "affirming",
        Some(wanted) => {
            let named =
                causes.iter().any(|cause| cause.cause == wanted) || reasons.iter().any(|r| r.code == wanted);
            status == "contraindicated" && named
        }
    };
    let token = Token {
        jwt: answer.reply.ear_jwt.clone(),
        subject: answer.device.subject().clone(),
        nonce: answer.nonce,
    };
    Outcome {
        name: scene.name,
        device: Some(answer.device.id),
        status,
        causes,
        reasons,
        milliseconds: answer.milliseconds,
        ear_jwt: Some(answer.reply.ear_jwt),
        as_expected,
        token: Some(token),
    }
}

fn not_enrolled(scene: &Scene, code: String, message: String) -> Outcome {
    Outcome {
        name: scene.name,
        device: None,
        status: "not_enrolled",
        causes: Vec::new(),
        as_expected: scene.refused_for == Some(code.as_str()),
        reasons: vec![Reason { code, component: String::new(), pcr: None, event: None, explain: message }],
        milliseconds: 0.0,
        ear_jwt: None,
        token: None,
    }
}

fn place(cause: v1::Cause) -> Place {
    Place { cause: cause.cause, component: cause.component, pcr: cause.pcr, event: cause.event }
}

fn reason(reason: v1::Reason) -> Reason {
    let code = if reason.detail_code.is_empty() { reason.code } else { reason.detail_code };
    Reason {
        code,
        component: reason.component,
        pcr: reason.pcr,
        event: reason.event,
        explain: reason.explain,
    }
}
