//! Points in time as arguments: the library never asks a clock.

use core::fmt;

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The time this many seconds after the epoch.
    #[must_use]
    pub const fn from_unix(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds after the epoch.
    #[must_use]
    pub const fn unix(self) -> u64 {
        self.0
    }

    /// The same in UTC, for people: `2026-11-22T07:03:04Z`.
    #[must_use]
    pub const fn utc(self) -> Utc {
        Utc(self)
    }

    /// Reads what [`Timestamp::utc`] writes, and nothing else.
    #[must_use]
    pub fn from_utc(text: &str) -> Option<Self> {
        let number = |from: usize, to: usize| -> Option<u64> {
            let digits = text.get(from..to)?;
            if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
        };
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let clock = number(11, 13)?
            .checked_mul(3_600)?
            .checked_add(number(14, 16)?.checked_mul(60)?)?
            .checked_add(number(17, 19)?)?;
        let seconds = days_before(year, month, day)?.checked_mul(DAY)?.checked_add(clock)?;
        // One time has one text: a 30 February or a 61st second is another one's.
        Some(Self(seconds)).filter(|time| time.utc().to_string() == text)
    }

    /// This time moved on by `seconds`; it stops at the end of the number range.
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

const DAY: u64 = 86_400;
/// Days of 400 years, after which the calendar repeats.
const ERA: u64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01: years that begin in March have their leap day at the end.
const EPOCH: u64 = 719_468;

/// Days from the epoch to this date of the Gregorian calendar.
fn days_before(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month) =
        if month > 2 { (year, month.checked_sub(3)?) } else { (year.checked_sub(1)?, month.checked_add(9)?) };
    let of_years =
        year.checked_mul(365)?.checked_add(year / 4)?.checked_sub(year / 100)?.checked_add(year / 400)?;
    let of_months = month.checked_mul(153)?.checked_add(2)? / 5;
    of_years.checked_add(of_months)?.checked_add(day.checked_sub(1)?)?.checked_sub(EPOCH)
}

/// A time as a date and a time of day, in UTC (RFC 3339, section 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utc(Timestamp);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.0;
        let days = (seconds / DAY).saturating_add(EPOCH);
        let (era, of_era) = (days / ERA, days % ERA);
        // Years of 365 days, less the leap days that went before.
        let leaps = (of_era / 1_460).saturating_add(of_era / 146_096).saturating_sub(of_era / 36_524);
        let year = of_era.saturating_sub(leaps) / 365;
        let before = year.saturating_mul(365).saturating_add(year / 4).saturating_sub(year / 100);
        let of_year = of_era.saturating_sub(before);
        let march = of_year.saturating_mul(5).saturating_add(2) / 153;
        let day = of_year.saturating_sub(march.saturating_mul(153).saturating_add(2) / 5).saturating_add(1);
        let (month, next) =
            if march < 10 { (march.saturating_add(3), 0) } else { (march.saturating_sub(9), 1) };
        let year = era.saturating_mul(400).saturating_add(year).saturating_add(next);
        let clock = seconds % DAY;
        let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_have_one_text() {
        let known = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_799, "2024-02-28T23:59:59Z"),
            (1_795_331_384, "2026-11-22T07:09:44Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ];
        for (seconds, text) in known {
            assert_eq!(Timestamp(seconds).utc().to_string(), text);
            assert_eq!(Timestamp::from_utc(text), Some(Timestamp(seconds)));
        }
    }

    #[test]
    fn texts_that_are_no_time() {
        let texts = [
            "",
            "2026-11-22",
            "2026-11-22T07:03:04",
            "2026-11-22t07:03:04Z",
            "2026-11-22 07:03:04Z",
            "2026-11-22T07:03:04+00:00",
            "2026-11-22T07:03:04.0Z",
            "2026-11-22T07:03:60Z",
            "2026-11-22T24:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "+026-11-22T07:03:04Z",
            "10000-01-01T00:00:00Z",
            "2026-11-22T07:03:04Z ",
            "2026-11-2é07:03:04Z",
        ];
        for text in texts {
            assert_eq!(Timestamp::from_utc(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_time_of_four_digit_years_is_read_back(seconds in 0_u64..253_402_300_800) {
            let time = Timestamp(seconds);
            prop_assert_eq!(Timestamp::from_utc(&time.utc().to_string()), Some(time));
        }

        #[test]
        fn no_time_is_too_late_to_be_shown(seconds: u64) {
            prop_assert!(Timestamp(seconds).utc().to_string().ends_with('Z'));
        }
    }
}
