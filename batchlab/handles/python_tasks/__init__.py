"""Python tasks: functions as tasks of a job.

`submission` has the verbs, `creation` makes tasks of calls, `results` reads what came of one, and
`task_list` waits for many.
"""
