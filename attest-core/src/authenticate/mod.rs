//! Structure → proof. The only room that checks a signature on evidence.

pub mod algorithms;
mod authentic_ima;
pub mod challenge;
pub mod credential;
pub mod ek;
mod evidence;
pub mod file_signature;
mod guess;
pub mod ima;
mod ima_checkpoint;
pub mod key;
pub mod pcrs;
pub mod quote;
pub mod replay;
mod roca;
pub mod signature;
pub mod spki;
mod story;
pub mod token;
mod untold;
pub(crate) mod x509;

pub use algorithms::Algorithms;
pub(crate) use authentic_ima::DataDigest;
pub use authentic_ima::{AuthenticIma, Coverage, ImaOutcome};
pub use challenge::{Challenge, Nonce};
pub use evidence::{AuthenticEvidence, Error, Outcome};
pub use guess::{Guesses, NoGuesses};
pub(crate) use ima_checkpoint::Judged;
pub use ima_checkpoint::{ImaCheckpoint, ResumeError, StoredError};
pub use key::{AttestationKey, Subject};
pub use token::{AuthenticToken, TokenKey};
pub use untold::Untold;
