"""Tests of the web platform, written in JavaScript and run inside executions."""
