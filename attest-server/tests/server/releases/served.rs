//! A log that is served over HTTP, by somebody who may be slow.

use super::*;

/// Serves the files of a folder over HTTP.
async fn serve(folder: PathBuf) -> String {
    serve_until(folder, Arc::default()).await
}

/// As long as nobody says that it lies: then it claims more leaves than anybody waits for, and takes seconds for each tile.
async fn serve_until(folder: PathBuf, lies: Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (folder, lies) = (folder.clone(), Arc::clone(&lies));
            tokio::spawn(async move {
                let mut request = vec![0; 4_096];
                let length = stream.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                let path = request.split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
                let served = std::fs::read(folder.join(&path)).ok();
                let served = if lies.load(Ordering::Relaxed) { lie(&path).await } else { served };
                let (status, body) = match served {
                    Some(body) => ("200 OK", body),
                    None => ("404 Not Found", Vec::new()),
                };
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
            });
        }
    });
    format!("http://{address}/")
}

async fn lie(path: &str) -> Option<Vec<u8>> {
    if path == "checkpoint" {
        let (root, signature) = ("A".repeat(43), "A".repeat(91));
        return Some(format!("log\n1048576\n{root}=\n\n— log {signature}=\n").into_bytes());
    }
    tokio::time::sleep(Duration::from_secs(8)).await;
    let denied = Event::Denied { object: ObjectId::of(b"it"), because: "role_missing".try_into().unwrap() };
    let leaf = object::write(&Leaf::new(Timestamp::from_unix(now() - 60), denied)).unwrap();
    tile::render_entries(std::iter::repeat_n(leaf.as_slice(), 256)).ok()
}

#[tokio::test]
async fn a67b_a_log_that_is_slow_to_read_keeps_no_revocation_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let mut organisation = Organisation::begin(folder.path(), FAMILY, 0);
    let ids = [true, false].map(|is_own| organisation.release(&golden(is_own), "stable"));
    organisation.publish();
    let lies = Arc::default();
    let url = serve_until(folder.path().to_owned(), Arc::clone(&lies)).await;
    let authority = organisation.authority();
    let server = Server::start_with(|config| by_releases(config, authority, None, Some(url))).await;
    let mut clients = server.clients().await;
    let mut tpm = SoftTpm::new(&server.maker);
    let device = clients.enroll(&mut tpm).await.unwrap();
    lies.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(600)).await;
    let mut fleet = Fleet { organisation, log: folder.path().to_owned(), server, clients, tpm, device };
    assert_eq!(fleet.verdict().await.status(), v1::Status::Affirming);
    // Twice, so that one comes while the same tile is waited for again.
    for id in ids {
        let since = Instant::now();
        fleet.hold(fleet.organisation.revocation("dave", id)).await.unwrap();
        assert!(since.elapsed() < Duration::from_secs(6), "{:?}", since.elapsed());
    }
    assert_eq!(refusing(&fleet.verdict().await), ["release_revoked"]);
    // Nor does it keep the server from its start, and it stops when it is told to.
    let restarted = tokio::time::timeout(SOON, fleet.restart()).await;
    let mut fleet = restarted.expect("it stops and starts");
    let refused = fleet.clients.attest(&fleet.device, &fleet.tpm).await;
    assert_eq!(refusal(refused), (Code::Unavailable, "releases_unavailable".to_owned()));
    assert!(!fleet.is_healthy().await);
    // When the lie is over, the log is followed, with what was handed in.
    lies.store(false, Ordering::Relaxed);
    fleet.until("the log is read", async |fleet| fleet.state().await.leaves > 0).await;
    assert_eq!(refusing(&fleet.verdict().await), ["release_revoked"]);
}

#[tokio::test]
async fn a_log_is_followed_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let mut organisation = Organisation::begin(folder.path(), FAMILY, 0);
    let id = organisation.release(&golden(true), "stable");
    organisation.publish();
    let url = serve(folder.path().to_owned()).await;
    let authority = organisation.authority();
    let server = Server::start_with(|config| by_releases(config, authority, None, Some(url))).await;
    let mut clients = server.clients().await;
    let mut tpm = SoftTpm::new(&server.maker);
    let device = clients.enroll(&mut tpm).await.unwrap();
    let verdict = clients.attest(&device, &tpm).await.unwrap().verdict.unwrap();
    assert_eq!(verdict.status(), v1::Status::Affirming, "{:?}", refusing(&verdict));
    organisation.revoke("dave", id);
    organisation.publish();
    let since = Instant::now();
    while clients.attest(&device, &tpm).await.unwrap().verdict.unwrap().status() == v1::Status::Affirming {
        assert!(since.elapsed() < SOON, "the revocation does not count");
    }
    println!(
        "from the published revocation to the first refusal, over HTTP: {} ms",
        since.elapsed().as_millis()
    );
}

#[tokio::test]
async fn a57_another_authority_s_log_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let mut organisation = Organisation::begin(folder.path(), FAMILY, 0);
    organisation.release(&golden(true), "stable");
    organisation.publish();
    let pinned = ObjectId::of(b"our own first policy").to_string();
    let server = Server::start_with(|config| by_releases(config, pinned, Some(folder.path()), None)).await;
    let mut clients = server.clients().await;
    let mut tpm = SoftTpm::new(&server.maker);
    let device = clients.enroll(&mut tpm).await.unwrap();
    let refused = clients.attest(&device, &tpm).await;
    assert_eq!(refusal(refused), (Code::Unavailable, "releases_unavailable".to_owned()));
}
