"""The six steps of the pipeline, one file each.

A step takes the process's `Resources`, the id of the call and, where it needs them, the number of
the run and a callback for progress. It looks up everything else under that id: rows, the manifest,
the files in the call's folder. It leaves its results there too. It returns only what `workflow.py`
branches on: whether to go on, how long to wait, which run comes next. The workflow engine stores
that value, so it is small and plain.

A step can run twice: the process may die at any point, and the next start repeats the step. So rows
are replaced, files get their names only once they are complete, downloads resume, and Slack is
searched before anything is posted.

A step never calls or imports another one. Only `workflow.py` knows their order.
"""
