use std::fs;

use super::*;

fn development() -> Overrides {
    Overrides { development: true, ..Overrides::default() }
}

fn load(text: &str, environment: &[(&str, &str)], overrides: Overrides) -> Result<Config, Error> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Config::load(Some(file.path()), environment, overrides)
}

fn code(result: Result<Config, Error>) -> &'static str {
    result.unwrap_err().code()
}

#[test]
fn defaults_work_in_development() {
    let config = Config::load(None, [], development()).unwrap();
    assert_eq!(config, Config { development: true, ..Config::default() });
}

#[test]
fn refuses_to_be_without_tls_by_accident() {
    assert_eq!(code(load("", &[], Overrides::default())), "config_no_tls");
    assert_eq!(code(load("tls.certificate = 'c.pem'", &[], Overrides::default())), "config_no_tls");
    assert!(load("tls = { certificate = 'c', key = 'k' }", &[], Overrides::default()).is_ok());
}

#[test]
fn development_stays_on_loopback() {
    let result = load("listen.grpc = '0.0.0.0:1'", &[], development());
    assert_eq!(code(result), "config_development_not_loopback");
    let result = load("", &[("ATTEST_LISTEN__HTTP", "[::]:1")], development());
    assert_eq!(code(result), "config_development_not_loopback");
    assert!(load("listen.grpc = '[::1]:1'", &[], development()).is_ok());
    assert_eq!(code(load("tls.certificate = 'c'", &[], development())), "config_development_with_tls");
}

#[test]
fn development_cannot_be_set_in_the_file() {
    assert_eq!(code(load("development = true", &[], Overrides::default())), "config_malformed");
}

#[test]
fn flags_beat_environment_beats_file() {
    let text = "listen.grpc = '127.0.0.1:1'\nlisten.http = '127.0.0.1:1'\ndata_directory = 'a'";
    let environment = [
        ("ATTEST_LISTEN__GRPC", "127.0.0.1:2"),
        ("ATTEST_LISTEN__HTTP", "127.0.0.1:2"),
        ("ATTEST_LIMITS__CONNECTIONS", "7"),
        ("ATTEST_ENROLLMENT__EK_ROOTS", "['r.pem']"),
        ("ATTEST_SHARED", "not ours"),
        ("HOME", "/"),
    ];
    let overrides = Overrides { grpc: Some("127.0.0.1:3".parse().unwrap()), ..development() };
    let config = load(text, &environment, overrides).unwrap();
    assert_eq!((config.listen.grpc.port(), config.listen.http.port()), (3, 2));
    assert_eq!(config.limits.connections, 7);
    assert_eq!(config.enrollment.ek_roots, [PathBuf::from("r.pem")]);
    assert_eq!(config.store_path(), PathBuf::from("a/attest.db"));
}

#[test]
fn unknown_settings_are_named() {
    let error = load("[listen]\ngrcp = '127.0.0.1:1'", &[], development()).unwrap_err();
    assert_eq!(error.code(), "config_malformed");
    let text = error.to_string();
    assert!(
        text.contains("grcp") && text.contains("line 2") && text.contains("expected `grpc` or `http`"),
        "{text}"
    );

    let error = load("", &[("ATTEST_LISTEN__GRCP", "x")], development()).unwrap_err();
    assert_eq!(error.to_string(), "ATTEST_LISTEN__GRCP: there is no setting listen.grcp");
    let error = load("", &[("ATTEST_LIMITS__CONNECTIONS", "many")], development()).unwrap_err();
    assert!(error.to_string().starts_with("ATTEST_LIMITS__CONNECTIONS: "), "{error}");
}

#[test]
fn what_is_wrong_in_the_file_is_told_in_one_line() {
    let told = load("\n[listen]\ngprc = '[::1]:1'", &[], development()).unwrap_err().to_string();
    assert!(
        told.contains(": line 3, column 1: unknown field `gprc`, expected ") && !told.contains('\n'),
        "{told}"
    );
}

#[test]
fn senseless_values_are_named() {
    for text in [
        "challenge.expires_seconds = 0",
        "limits.connections = 0",
        "token.lifetime_seconds = 1000000",
        "token.issuer = 'attest'",
        "[families.'a b']",
        "tls.admin_certificates_sha256 = ['00']",
    ] {
        let error = load(text, &[], development()).unwrap_err();
        assert_eq!(error.code(), "config_setting_invalid", "{text}: {error}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::load(Some(Path::new("/nonexistent.toml")), [], development()).unwrap_err();
    assert_eq!(error.code(), "config_file_unreadable");
    assert!(error.to_string().contains("/nonexistent.toml"));
}

#[test]
fn the_example_shows_the_defaults() {
    let example = load(include_str!("../../../attest.example.toml"), &[], Overrides::default()).unwrap();
    let default = Config::default();
    let shown = Config {
        tls: default.tls.clone(),
        token: super::super::Token { issuer: None, ..example.token.clone() },
        enrollment: super::super::Enrollment { ek_roots: Vec::new(), ..example.enrollment.clone() },
        authority: None,
        releases: None,
        families: default.families.clone(),
        ..example
    };
    assert_eq!(shown, default);
}
