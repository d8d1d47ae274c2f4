//! Content and path together, and nothing less.

use super::*;
use crate::HashAlg;
use crate::evidence::ima_log::{Plain, file_data};
use crate::reference::Golden;

fn index(files: &[(&str, Digest)]) -> (ImaGolden, FileIndex) {
    let mut text = String::from(
        "format = \"attest-golden/1\"\nfamily = \"files\"\nbanks = [\"sha256\"]\njudged = []\n[ima]\nfiles = [\n",
    );
    for (path, digest) in files {
        text.push_str(&format!("  {{ path = \"{path}\", digest = \"{}:{digest}\" }},\n", digest.alg()));
    }
    text.push_str("]\n");
    let golden = Golden::parse(&text, &crate::Limits::DEFAULT).unwrap().ima.unwrap();
    let index = FileIndex::new(&golden, |_| false);
    (golden, index)
}

fn content(n: usize) -> Digest {
    HashAlg::Sha256.hash(&[&n.to_le_bytes()])
}

fn here(index: &FileIndex, asked: &[(&str, Digest)]) -> Vec<Option<u32>> {
    let mut batch = Batch::default();
    batch.asked.extend(
        asked
            .iter()
            .map(|(path, digest)| Some(Asked { path: path.as_bytes(), digest: *digest, verity: false })),
    );
    index.here(&mut batch);
    batch.places
}

#[test]
fn every_file_of_a_large_document_is_found_at_its_place() {
    let paths: Vec<String> = (0..5_000).map(|n| format!("/usr/lib/{:05}", n)).collect();
    let files: Vec<(&str, Digest)> =
        paths.iter().enumerate().map(|(n, path)| (path.as_str(), content(n))).collect();
    let (golden, index) = index(&files);
    for chunk in files.chunks(32) {
        for ((path, digest), place) in chunk.iter().zip(here(&index, chunk)) {
            let file = &golden.files[usize::try_from(place.unwrap()).unwrap()];
            assert_eq!((file.path.as_str(), file.digest), (*path, *digest));
        }
    }
}

#[test]
fn a43a_a_golden_path_with_another_content_is_not_there() {
    let (_, index) = index(&[("/bin/a", content(1)), ("/bin/b", content(2))]);
    assert_eq!(
        here(&index, &[("/bin/a", content(2)), ("/bin/a", content(3)), ("/bin/c", content(1))]),
        [None; 3]
    );
}

#[test]
fn one_content_at_many_paths_and_many_contents_at_one_path() {
    let many: Vec<String> = (0..300).map(|n| format!("/etc/empty-{n:03}")).collect();
    let mut files: Vec<(&str, Digest)> = many.iter().map(|path| (path.as_str(), content(0))).collect();
    files.extend((1..300).map(|n| ("/bin/updated", content(n))));
    let (golden, index) = index(&files);
    let found = here(&index, &files);
    assert!(found.iter().all(Option::is_some));
    assert_eq!(here(&index, &[("/bin/updated", content(0)), ("/etc/empty-000", content(1))]), [None, None]);
    let asked = Asked { path: b"/tmp/copy", digest: content(0), verity: false };
    assert_eq!(index.elsewhere(&golden, &asked).unwrap().path, "/etc/empty-000");
}

#[test]
fn the_digest_of_a_tree_is_not_that_of_the_content() {
    let (golden, index) = index(&[("/bin/a", content(1))]);
    let asked = Asked { path: b"/bin/a", digest: content(1), verity: true };
    let mut batch = Batch { asked: vec![Some(asked), None], ..Batch::default() };
    index.here(&mut batch);
    assert_eq!(batch.places, [None, None]);
    assert_eq!(index.elsewhere(&golden, &asked), None);
}

#[test]
fn a_document_without_files_knows_none() {
    let index = FileIndex::default();
    assert_eq!(here(&index, &[("/bin/a", content(1))]), [None]);
}

/// The table answers as a reader of the whole document does: the first path of a content, by content and kind of digest.
#[test]
fn what_is_golden_elsewhere_is_the_first_file_of_its_content() {
    let paths: Vec<String> = (0..400).map(|n| format!("/opt/{n:03}")).collect();
    let files: Vec<(&str, Digest)> =
        paths.iter().enumerate().map(|(n, path)| (path.as_str(), content(n % 90))).collect();
    let (mut golden, _) = index(&files);
    golden.files.iter_mut().step_by(7).for_each(|file| file.verity = true);
    let index = FileIndex::new(&golden, |_| false);
    for (n, verity) in (0..100).flat_map(|n| [(n, false), (n, true)]) {
        let asked = Asked { path: b"/tmp/copy", digest: content(n), verity };
        let read = golden.files.iter().find(|file| file.digest == asked.digest && file.verity == verity);
        assert_eq!(index.elsewhere(&golden, &asked), read, "{n} {verity}");
    }
}

#[test]
fn a_superseded_content_is_not_there_though_its_file_was_left_in() {
    let (golden, _) = index(&[("/bin/a", content(1)), ("/bin/b", content(2))]);
    let index = FileIndex::new(&golden, |digest| *digest == content(1));
    assert_eq!(here(&index, &[("/bin/a", content(1)), ("/bin/b", content(2))]), [None, Some(1)]);
}

fn in_whole(index: &FileIndex, template: Plain, data: &[u8]) -> Option<u32> {
    let sha256: [u8; 32] = HashAlg::Sha256.hash(&[data]).as_bytes().try_into().unwrap();
    let mut other = sha256;
    other[31] ^= 1;
    assert_eq!(by_digest(index, template, other), None, "what the table does not look at");
    by_digest(index, template, sha256)
}

fn by_digest(index: &FileIndex, template: Plain, sha256: [u8; 32]) -> Option<u32> {
    let mut batch =
        Batch { digests: vec![Some(DataDigest { template, sha256: &sha256 }), None], ..Batch::default() };
    index.in_whole(&mut batch);
    assert_eq!(batch.places.len(), 2);
    assert_eq!(batch.places[1], None);
    batch.places[0]
}

#[test]
fn an_entry_is_golden_in_whole_under_its_own_template() {
    let paths: Vec<String> = (0..300).map(|n| format!("/usr/lib/{n:03}")).collect();
    let files: Vec<(&str, Digest)> =
        paths.iter().enumerate().map(|(n, path)| (path.as_str(), content(n))).collect();
    let (golden, index) = index(&files);
    for (place, file) in (0_u32..).zip(&golden.files) {
        // As the kernel writes them: a length before each field (Linux, Documentation/security/IMA-templates.rst).
        let digest = [b"sha256:\0", file.digest.as_bytes()].concat();
        let name = [file.path.as_bytes(), b"\0"].concat();
        let field = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_le_bytes(), bytes].concat();
        let ng = [field(&digest), field(&name)].concat();
        let sig = [&ng[..], &[0; 4]].concat();
        assert_eq!(in_whole(&index, Plain::Ng, &ng), Some(place));
        assert_eq!(in_whole(&index, Plain::Sig, &sig), Some(place));
        assert_eq!(in_whole(&index, Plain::Ng, &sig), None);
        assert_eq!(in_whole(&index, Plain::Sig, &ng), None);
        let other = [field(&digest), field(&[&name, &b"x"[..]].concat())].concat();
        assert_eq!(in_whole(&index, Plain::Ng, &other), None);
    }
}

#[test]
fn a44_what_does_not_count_is_not_golden_in_whole() {
    let text = format!(
        "format = \"attest-golden/1\"\nfamily = \"files\"\nbanks = [\"sha256\"]\njudged = []\n[ima]\nfiles = [\n\
         {{ path = \"/tree\", digest = \"verity:{0:?}\" }},\n{{ path = \"/old\", digest = \"{1:?}\" }},\n\
         {{ path = \"boot_aggregate\", digest = \"{0:?}\" }},\n]\n",
        content(1),
        content(2)
    );
    let golden = Golden::parse(&text, &crate::Limits::DEFAULT).unwrap().ima.unwrap();
    let index = FileIndex::new(&golden, |digest| *digest == content(2));
    for (path, digest) in [("/tree", content(1)), ("/old", content(2)), ("boot_aggregate", content(1))] {
        let [ng, sig] = file_data(path, &digest).unwrap();
        assert_eq!(in_whole(&index, Plain::Ng, &ng), None, "{path}");
        assert_eq!(in_whole(&index, Plain::Sig, &sig), None, "{path}");
    }
    let found = here(&index, &[("/old", content(2)), ("boot_aggregate", content(1))]);
    assert_eq!(found, [None, None]);
}
