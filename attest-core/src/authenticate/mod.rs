//! Structure → proof. The only room that checks a signature on evidence.

pub mod challenge;
pub mod credential;
pub mod ek;
pub mod ima;
pub mod key;
pub mod pcrs;
pub mod quote;
pub mod replay;
pub mod signature;
pub mod spki;
