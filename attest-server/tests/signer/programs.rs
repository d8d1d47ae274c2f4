//! The program itself, with a key in SoftHSM2: made and used.

use std::time::{Duration, Instant};

use crate::organisation::id_of;
use crate::soft::Soft;
use crate::stage::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_signed_by_a_key_that_never_leaves_its_token() {
    let Some(soft) = Soft::new() else { return };
    let spki = soft.make();
    let stage = Stage::new(&spki, |_| ()).await;
    let key = release_key(&spki);
    let (request, objects) = stage.request("hsm", &key);
    let bytes = objects[2].clone();
    stage.ask(&request, objects, &["alice", "carol"]).await;
    let id = id_of(&request).to_string();
    // A token that is not there: whoever runs it from a script learns by the code that nothing was signed.
    let away = soft.without_token(&stage).await;
    let told = String::from_utf8_lossy(&away.stdout);
    assert!(away.status.code() == Some(3) && told.contains("signer_not_signed"), "{away:?}");
    let since = Instant::now();
    // It waits for witnesses, though not for long.
    loop {
        let told = soft.once(&stage).await;
        if told.lines().any(|line| line.contains(&id) && line.contains("\"signed\":true")) {
            break;
        }
        assert!(told.contains("\"attempted\":"), "{told}");
        assert!(since.elapsed() < Duration::from_secs(60), "witnesses do not see the attempt");
    }
    stage.signature(&request, &key, &bytes).await;
    assert_eq!(stage.logged(&request).await.0, 1);
}
