"""The event store and everything point-in-time: histories, features, the time split, cold-start sets."""
