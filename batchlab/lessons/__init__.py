"""Exercises that check themselves: ``from batchlab import lessons; lessons.check("03-2", job)``.

A check looks at what really happened in a lab, never at what was typed. It answers in words:
"right", or what is missing with a hint. If the same thing is still missing at the next try, it
gives a second hint. After two tries, ``lessons.solution("03-2")`` shows a solution.
"""

from batchlab.lessons.broken import broken
from batchlab.lessons.exercises import Answer, Exercises, check, exercises
from batchlab.lessons.joining import Joined, join, leave
from batchlab.lessons.nights import night
from batchlab.lessons.solving import Solution, fresh, solution

__all__ = [
    "Answer",
    "Exercises",
    "Joined",
    "Solution",
    "broken",
    "check",
    "exercises",
    "fresh",
    "join",
    "leave",
    "night",
    "solution",
]
