"""What a verification says, in the words that both planes know."""

from __future__ import annotations

from schemas.verifying import Code, Finding, VerifyReport, report_text

__all__ = ["Code", "Finding", "VerifyReport", "report_text"]
