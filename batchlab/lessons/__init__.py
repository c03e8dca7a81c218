"""Exercises that check themselves: ``from batchlab import lessons; lessons.check("03-2", job)``.

A check looks at what really happened in a lab, never at what was typed. It answers in words:
right, or what is missing and a hint; a second hint when the same is missing again.
"""

from batchlab.lessons.broken import broken
from batchlab.lessons.exercises import Answer, Exercises, check, exercises

__all__ = ["Answer", "Exercises", "broken", "check", "exercises"]
