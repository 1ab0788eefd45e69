//! A seeded Slack-like workspace: its people, channels and ninety days of history.
