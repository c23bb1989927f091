"""Store when a moment changed, and the parts of its sentence

Revision: 0009, after 0008. Made 2026-11-30 20:31:05.402113.
"""

import sqlalchemy as sa

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("moments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("change_ms", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("silence_ms", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("what", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("lasted_ms", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("said_by", sa.Integer(), nullable=True))
        batch_op.add_column(
            sa.Column("is_greeting", sa.Boolean(), nullable=False, server_default=sa.false())
        )


def downgrade() -> None:
    with op.batch_alter_table("moments", schema=None) as batch_op:
        batch_op.drop_column("is_greeting")
        batch_op.drop_column("said_by")
        batch_op.drop_column("lasted_ms")
        batch_op.drop_column("what")
        batch_op.drop_column("silence_ms")
        batch_op.drop_column("change_ms")
