//! The log as a folder: the only writer of one, and its readers.
//!
//! The folder is laid out as C2SP tlog-tiles serves a log, so it can be served as it is:
//!
//! | file | what |
//! |---|---|
//! | `checkpoint` | the newest one that enough witnesses signed |
//! | `tile/<L>/<N>`, `tile/entries/<N>` | hashes and entries, partial ones under `.p/<W>` |
//! | `object/<sha256>` | what the entries name, by its digest in hexadecimal |
//! | `head` | the newest checkpoint of the log's own, witnessed or not: what is below it is written, all else is not |
//! | `lock` | held by the writer |
//!
//! *Durable when?* When [`Writer::append`] returns, objects, tiles and `head` are on the disk, files and folders, as far as the disk keeps its
//! word about flushing. The rename of `head` is the moment: before it nothing of a batch is written, after it all of it.
//!
//! *Consistent how?* At the start the tree is computed again from the entries and held against `head`, `checkpoint` and every tile. What an append
//! left behind that did not come to its `head` is dropped as a whole. A folder that contradicts itself is refused, and never mended.
//!
//! *Trusted with what?* The log's key, which gives no authority: it says which leaves there are, and witnesses see that it says so once.

mod error;
mod files;
mod key;
mod replay;
mod site;
#[cfg(test)]
mod tests;
mod writer;

pub use error::Error;
pub(crate) use files::Files;
pub use key::{Error as KeyError, NoteKey};
pub(crate) use site::{NotServed, Published, Served, Site};
pub use writer::Writer;
