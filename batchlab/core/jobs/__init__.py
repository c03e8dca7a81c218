"""Jobs and job schedules, job preparation and release tasks."""
