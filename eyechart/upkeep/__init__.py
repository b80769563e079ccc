"""What a store holds, and what of it nobody needs: `eyechart store`."""
