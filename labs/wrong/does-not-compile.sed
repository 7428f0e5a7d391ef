# earns:
# SPDX-License-Identifier: MIT
# Lacks a semicolon.
s/leave_session();$/leave_session()/
