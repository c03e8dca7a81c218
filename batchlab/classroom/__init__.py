"""A class: the teacher's table of who is at which exercise, live, for those who join.

``batchlab class`` serves the table. Learners join with its code by ``lessons.join`` or ``batchlab
lab --join``, under a name or only as a seat with a number. What they answer is never sent.
"""

from batchlab.classroom.server import ClassServer
from batchlab.classroom.table import ClassTable

__all__ = ["ClassServer", "ClassTable"]
