"""Plumbing that every service needs: settings, logs, health, dead letters. No decisions."""
