//! What is said of the log itself: set back, forked, withheld, not witnessed, with wrong times.

use super::*;

#[test]
fn a68_a_log_that_was_set_back_and_one_that_is_another() {
    let mut site = Site::new();
    assert_eq!(site.once(&[]), (0, none()));
    site.organisation.publish_first(6, now() + 1);
    assert_eq!(site.once(&[]), (1, vec!["raised log_rolled_back".to_owned()]));
    assert_eq!(site.once(&[]), (1, none()));
    site.organisation.publish_first(7, now() - 60);
    assert_eq!(site.once(&[]).1, ["raised log_older"]);
    site.organisation.publish();
    assert_eq!(
        site.once(&[]),
        (0, vec!["resolved log_rolled_back".to_owned(), "resolved log_older".to_owned()].sorted())
    );
    // Another history, which the same witnesses signed.
    let mut other = site.organisation.in_folder(&site.path("other"));
    other.note(b"other");
    site.organisation.note(b"own");
    site.organisation.publish();
    assert_eq!(site.once(&[]), (0, vec!["raised turned_away".to_owned()]));
    other.publish_first(8, now() + 2);
    let (code, lines) = site.run_on("other", &["--once"]);
    assert_eq!((code, told(&lines[0])), (1, "raised log_forked".to_owned()));
    // No look at the first one makes that undone.
    assert_eq!(site.once(&[]), (1, none()));
    // Its checkpoint, brought here by somebody else.
    let found = site.path("other/checkpoint").display().to_string();
    assert_eq!(site.once(&["--seen", &found]), (1, vec!["raised log_split".to_owned()]));
    let own = site.path("log/checkpoint").display().to_string();
    assert_eq!(site.once(&["--seen", &own]), (1, none()));
}

#[test]
fn a67b_a_log_that_is_held_back_withheld_or_away() {
    let site = Site::old(2);
    assert_eq!(site.once(&[]), (0, vec!["raised log_stale".to_owned()]));
    let there = fs::read(site.path("log/checkpoint")).unwrap();
    fs::remove_file(site.path("log/checkpoint")).unwrap();
    // Its age is known without it.
    assert_eq!(site.once(&[]), (1, vec!["raised log_unreadable".to_owned()]));
    assert_eq!(site.once(&[]), (1, none()));
    fs::write(site.path("log/checkpoint"), there).unwrap();
    assert_eq!(site.once(&[]), (0, vec!["resolved log_unreadable".to_owned()]));
    site.organisation.publish();
    assert_eq!(site.once(&[]), (0, vec!["resolved log_stale".to_owned()]));

    assert_eq!(Site::old(8).once(&[]), (1, vec!["raised log_too_old".to_owned()]));

    // What a leaf names is not there.
    let site = Site::new();
    let request = site.organisation.object(site.release);
    let bytes = fs::read(&request).unwrap();
    fs::remove_file(&request).unwrap();
    let (code, told) = site.once(&[]);
    assert_eq!((code, &*told[0]), (1, "raised object_withheld"));
    fs::write(&request, bytes).unwrap();
    let (code, told) = site.once(&[]);
    assert_eq!(code, 0, "{told:?}");
    assert!(told.iter().all(|line| line == "resolved object_withheld"), "{told:?}");
}

#[test]
fn too_few_witnesses() {
    let site = Site::new();
    assert_eq!(site.once(&[]), (0, none()));
    let note = fs::read_to_string(site.path("log/checkpoint")).unwrap();
    let fewer: String =
        note.lines().filter(|line| !line.contains("other.example")).map(|line| format!("{line}\n")).collect();
    fs::write(site.path("log/checkpoint"), fewer).unwrap();
    assert_eq!(site.once(&[]), (1, vec!["raised witness_quorum_lost".to_owned()]));
    fs::write(site.path("log/checkpoint"), note).unwrap();
    assert_eq!(site.once(&[]), (0, vec!["resolved witness_quorum_lost".to_owned()]));
}

#[test]
fn a67b_a_leaf_that_is_older_than_what_witnesses_saw_before_it() {
    let mut site = Site::old(0);
    assert_eq!(site.once(&[]), (0, none()));
    // Witnesses saw the log just now; it goes on as if it were yesterday.
    site.organisation.note(b"an old key's word");
    site.organisation.publish();
    let (code, lines) = site.run(&["--once"]);
    assert_eq!((code, told(&lines[0])), (1, "raised leaf_antedated".to_owned()));
    assert!(lines[0]["what"].as_str().unwrap().starts_with("leaf 1 says that it is of "), "{}", lines[0]);
    // It stays open when the log is as it was, for somebody did it.
    site.organisation.publish_first(1, now() + 1);
    assert_eq!(site.once(&[]), (1, none()));
}

#[test]
fn a67b_a_leaf_whose_time_has_not_come() {
    let mut site = Site::new();
    assert_eq!(site.once(&[]), (0, none()));
    site.organisation.note(b"by a clock that is ahead");
    let leaves = usize::try_from(site.organisation.leaves()).unwrap();
    site.organisation.publish_first(leaves, now() - 700);
    let first = site.once(&[]).1;
    assert!(first == ["raised log_ahead"] || first == ["raised log_older"], "{first:?}");
    // Somebody who did not see it before.
    fs::remove_dir_all(site.path("state")).unwrap();
    let (code, lines) = site.run(&["--once"]);
    assert_eq!((code, told(&lines[0])), (1, "raised log_ahead".to_owned()));
    site.organisation.publish();
    let (code, told) = site.once(&[]);
    assert_eq!((code, told.sorted()[0].as_str()), (0, "raised turned_away"));
}
