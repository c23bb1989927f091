"""Remember deleted calls

Revision: 0004, after 0003. Made 2026-11-21 16:43:39.105039.
"""

import sqlalchemy as sa

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deleted_calls",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_deleted_calls")),
    )


def downgrade() -> None:
    op.drop_table("deleted_calls")
